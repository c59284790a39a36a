use thiserror::Error;

use crate::text::{Code, Located};

/// Why the settings of an endpoint, a webhook or the Data API do not load, and where.
pub type EndpointError = Located<EndpointErrorKind>;

/// The errors that these settings can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointErrorKind {
    /// `[]` in place of `{ … }`
    #[error("{what} must be an object, not {found}")]
    NotObject {
        /// What was read.
        what: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// `"disabled": "yes"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// A required key.
    #[error("{what} needs `{key}`, and refuses every request without it")]
    FieldMissing {
        /// What was read.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// `"route": "hello"`
    #[error("`route` must begin with `/`: `{0}`")]
    Route(String),
    /// `"http_method": "FETCH"`
    #[error("unknown HTTP method `{0}`")]
    MethodUnknown(String),
    /// `"validation_method": "SECRET"`
    #[error("unknown validation method `{0}`; every request is refused")]
    ValidationUnknown(String),
    /// `"verification_method": …`, as one page of the documentation has it.
    #[error("nothing reads `verification_method`; every request is refused")]
    ValidationMisnamed,
    /// A validation that needs a secret, without the secret.
    #[error("`{validation}` needs a secret in `{key}`; every request is refused without it")]
    SecretMissing {
        /// The validation.
        validation: &'static str,
        /// The key that names the secret.
        key: &'static str,
    },
    /// `"return_type": "XML"`
    #[error("unknown return type `{0}`; it is `JSON` or `EJSON`")]
    ReturnTypeUnknown(String),
    /// `"versions": ["v2"]`
    #[error("the Data API has no version `{0}`; it has `v1` and `beta`")]
    VersionUnknown(String),
    /// `run_as_user_id` beside `run_as_user_id_script_source`
    #[error("`run_as_user_id` and `run_as_user_id_script_source` exclude each other; every request is refused")]
    RunAsBoth,
}

impl Code for EndpointErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::NotObject { .. } => "endpoint-not-object",
            Self::FieldType { .. } => "endpoint-field-type",
            Self::FieldMissing { .. } => "endpoint-field-missing",
            Self::Route(_) => "endpoint-route",
            Self::MethodUnknown(_) => "endpoint-method-unknown",
            Self::ValidationUnknown(_) | Self::ValidationMisnamed => "endpoint-validation-unknown",
            Self::SecretMissing { .. } => "endpoint-secret-missing",
            Self::ReturnTypeUnknown(_) => "endpoint-return-type-unknown",
            Self::VersionUnknown(_) => "data-api-version-unknown",
            Self::RunAsBoth => "run-as-both",
        }
    }
}
