use thiserror::Error;

use crate::text::{Code, Located};

/// Why the settings of an endpoint, webhook or the Data API are invalid, and where.
pub type EndpointError = Located<EndpointErrorKind>;

/// The kinds of [`EndpointError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointErrorKind {
    /// A value that is not an object, such as `[]`.
    #[error("{what} must be an object, not {found}")]
    NotObject {
        /// What was being parsed.
        what: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A value of the wrong type: `"disabled": "yes"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A required key that is missing.
    #[error("{what} needs `{key}`, and refuses every request without it")]
    FieldMissing {
        /// What was being parsed.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A route that does not start with `/`: `"route": "hello"`
    #[error("`route` must begin with `/`: `{0}`")]
    Route(String),
    /// An unknown method: `"http_method": "FETCH"`
    #[error("unknown HTTP method `{0}`")]
    MethodUnknown(String),
    /// An unknown kind of validation: `"validation_method": "SECRET"`
    #[error("unknown validation method `{0}`; every request is refused")]
    ValidationUnknown(String),
    /// `"verification_method": …`, a misspelling of `validation_method` on a page of the documentation.
    #[error("nothing reads `verification_method`; every request is refused")]
    ValidationMisnamed,
    /// A probable misspelling of a key that restricts access: `"canEvaluate": {…}`
    #[error("the key `{key}` of {what} has no effect: it should be `{meant}`; every request is refused")]
    GuardMisspelt {
        /// What was being parsed.
        what: &'static str,
        /// The key.
        key: String,
        /// The intended key.
        meant: &'static str,
    },
    /// A validation without the secret that it needs.
    #[error("`{validation}` needs a secret in `{key}`; every request is refused without it")]
    SecretMissing {
        /// The validation.
        validation: &'static str,
        /// The key that names the secret.
        key: &'static str,
    },
    /// An unknown format: `"return_type": "XML"`
    #[error("unknown return type `{0}`; it is `JSON` or `EJSON`")]
    ReturnTypeUnknown(String),
    /// An unknown version: `"versions": ["v2"]`
    #[error("the Data API has no version `{0}`; it has `v1` and `beta`")]
    VersionUnknown(String),
    /// Two users to run as: `run_as_user_id` and `run_as_user_id_script_source`
    #[error("`run_as_user_id` and `run_as_user_id_script_source` cannot be combined; every request is refused")]
    RunAsBoth,
}

impl EndpointErrorKind {
    /// Whether the error leaves open what callers must prove.
    #[must_use]
    pub const fn concerns_access(&self) -> bool {
        match self {
            Self::ValidationUnknown(_)
            | Self::ValidationMisnamed
            | Self::GuardMisspelt { .. }
            | Self::SecretMissing { .. } => true,
            Self::FieldMissing { key, .. } | Self::FieldType { key, .. } => is_guard(key),
            _ => false,
        }
    }
}

/// Whether a key determines what callers must prove.
const fn is_guard(key: &str) -> bool {
    matches!(key.as_bytes(), b"validation_method" | b"secret_name" | b"can_evaluate")
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
            Self::GuardMisspelt { .. } => "endpoint-guard-misspelt",
            Self::SecretMissing { .. } => "endpoint-secret-missing",
            Self::ReturnTypeUnknown(_) => "endpoint-return-type-unknown",
            Self::VersionUnknown(_) => "data-api-version-unknown",
            Self::RunAsBoth => "run-as-both",
        }
    }
}
