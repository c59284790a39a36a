use thiserror::Error;

use super::limits::MAX_FIELD_NAME;
use super::metadata_path::MetadataPathError;
use super::provider_type::ProviderType;
use crate::path::PathError;
use crate::text::{Code, Located};
#[cfg(feature = "jwt")]
use {
    super::excerpt::excerpt,
    crate::text::{Span, closest},
};

/// Why a configuration file below `auth/` does not load, and where.
pub type ConfigError = Located<ConfigErrorKind>;

#[cfg(feature = "jwt")]
impl ConfigError {
    /// An unknown key, with the known one that was probably meant.
    pub(super) fn unknown_key(
        what: &'static str,
        key: &str,
        span: Span,
        known: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let kind = ConfigErrorKind::KeyUnknown { what, key: excerpt(key) };
        let error = Self::new(kind, span);
        match closest(key, known) {
            Some(known) => error.help(format!("did you mean `{known}`?")),
            None => error.help("remove it: nothing reads it"),
        }
    }
}

/// The ways in which the configuration of users can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// `[]` in place of `{ … }`
    #[error("{what} must be an object, not {found}")]
    NotObject {
        /// What was read.
        what: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// `"enabled": "yes"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The value found.
        found: &'static str,
    },
    /// A configuration of custom data without `enabled`, a provider without `type`, a metadata field without `name`;
    /// or the empty string in their place.
    #[error("{what} needs `{key}`")]
    FieldMissing {
        /// What was read.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// `"audiance": "hr"`: a misspelt key that decides who gets in.
    #[error("{what} has no key `{key}`")]
    KeyUnknown {
        /// What was read.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// `"user_id_field": "a..b"`
    #[error("`user_id_field` is not a field path: {0}")]
    UserIdPath(PathError),
    /// `"user_id_field": "$where"`
    #[error("`user_id_field` must not begin with `$`: `{0}` names no field")]
    UserIdOperator(String),
    /// `"type": "custom-tokn"`
    #[error("unknown provider type `{0}`")]
    ProviderTypeUnknown(String),
    /// `"name": "a..b"`
    #[error("the metadata field's `name` is not a path: {0}")]
    MetadataPath(MetadataPathError),
    /// A field name for the value that is too long.
    #[error("the field name `{name}` has {characters} characters; at most {MAX_FIELD_NAME} are allowed")]
    FieldNameLong {
        /// The name.
        name: String,
        /// Its length.
        characters: usize,
    },
    /// A name that BSON cannot encode.
    #[error("a field name must not contain the character U+0000")]
    FieldNameNul,
    /// Two claims with the same field name.
    #[error("two metadata fields have the field name `{0}`")]
    FieldNameDuplicate(String),
    /// `"audience": [""]`
    #[error("`{0}` must not contain an empty string")]
    ElementEmpty(&'static str),
    /// A provider whose type does not accept third-party tokens, where one that does is needed.
    #[error("a provider of type `{}` does not accept third-party tokens", .0.name())]
    ProviderTakesNoToken(ProviderType),
    /// `"signingAlgorithm": "ES256"`
    #[error("unknown signing algorithm `{0}`; tokens are signed with `HS256` or `RS256`")]
    AlgorithmUnknown(String),
    /// `"useJWKURI": true` beside `"signingAlgorithm": "HS256"`
    #[error("keys from an address (`useJWKURI`) verify `RS256` only, not `HS256`")]
    JwksNeedsRs256,
    /// `"jwkURI": "http://…"`
    #[error("`jwkURI` must be a URI that starts with `https://`, without user and password")]
    JwkUriNotHttps,
    /// Four names in `signingKeys`.
    #[error("`signingKeys` has {0} keys; at most three are allowed")]
    KeysTooMany(usize),
    /// Neither an `audience` nor a client id of the application to take its place.
    #[error("the provider has no `audience`, and the application has no client ID to use instead")]
    AudienceMissing,
    /// A name in `signingKeys` for which no secret was supplied.
    #[error("the secret `{0}` was not supplied")]
    SecretMissing(String),
    /// A secret that cannot be used as an HS256 key.
    #[error("the secret `{name}` has {characters} characters; a key for `HS256` needs 32 to 512")]
    SecretLength {
        /// The name of the secret.
        name: String,
        /// The length of its value.
        characters: usize,
    },
    /// A public key where a secret is needed: anyone who knows it could sign tokens.
    #[error("the secret `{0}` is a key or a certificate, not a secret for `HS256`")]
    SecretIsKey(String),
    /// A secret that cannot be used as an RS256 key.
    #[error("the secret `{name}` is not a key for `RS256`: {reason}")]
    SecretNotKey {
        /// The name of the secret.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
}

impl Code for ConfigErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::NotObject { .. } => "auth-not-object",
            Self::FieldType { .. } => "auth-field-type",
            Self::FieldMissing { .. } => "auth-field-missing",
            Self::KeyUnknown { .. } => "auth-key-unknown",
            Self::UserIdPath(_) => "user-id-path",
            Self::UserIdOperator(_) => "user-id-operator",
            Self::ProviderTypeUnknown(_) => "provider-type-unknown",
            Self::MetadataPath(_) => "metadata-path",
            Self::FieldNameLong { .. } => "metadata-field-name-long",
            Self::FieldNameNul => "metadata-field-name-nul",
            Self::FieldNameDuplicate(_) => "metadata-field-name-duplicate",
            Self::ElementEmpty(_) => "auth-element-empty",
            Self::ProviderTakesNoToken(_) => "provider-takes-no-token",
            Self::AlgorithmUnknown(_) => "signing-algorithm-unknown",
            Self::JwksNeedsRs256 => "jwks-needs-rs256",
            Self::JwkUriNotHttps => "jwk-uri-not-https",
            Self::KeysTooMany(_) => "signing-keys-too-many",
            Self::AudienceMissing => "audience-missing",
            Self::SecretMissing(_) => "secret-missing",
            Self::SecretLength { .. } => "secret-length",
            Self::SecretIsKey(_) => "secret-is-key",
            Self::SecretNotKey { .. } => "secret-not-key",
        }
    }
}
