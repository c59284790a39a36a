use thiserror::Error;

use super::excerpt::excerpt;
use super::limits::MAX_FIELD_NAME;
use super::metadata_path::MetadataPathError;
use super::provider_type::ProviderType;
use crate::path::PathError;
use crate::text::{Code, Located, Span, closest};

/// Why a configuration file in `auth/` is invalid, and where.
pub type ConfigError = Located<ConfigErrorKind>;

impl ConfigError {
    /// The error for an unknown key, which names the key that was probably intended.
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
            None => error.help("remove it"),
        }
    }
}

/// The kinds of [`ConfigError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// A value that is not an object, such as `[]`.
    #[error("{what} must be an object, not {found}")]
    NotObject {
        /// What was being parsed.
        what: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A value of the wrong type: `"enabled": "yes"`
    #[error("`{key}` must be {expected}, not {found}")]
    FieldType {
        /// The key.
        key: &'static str,
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A missing key or an empty string, such as custom data without `enabled`, a provider without `type`, or a
    /// metadata field without `name`.
    #[error("{what} needs `{key}`")]
    FieldMissing {
        /// What was being parsed.
        what: &'static str,
        /// The key.
        key: &'static str,
    },
    /// An unknown key that resembles one that restricts access: `"audiance": "hr"`
    #[error("{what} has no key `{key}`")]
    KeyUnknown {
        /// What was being parsed.
        what: &'static str,
        /// The key.
        key: String,
    },
    /// A malformed path: `"user_id_field": "a..b"`
    #[error("`user_id_field` is not a field path: {0}")]
    UserIdPath(PathError),
    /// A path that MongoDB would take for an operator: `"user_id_field": "$where"`
    #[error("`user_id_field` must not begin with `$`: `{0}` is not the name of a field")]
    UserIdOperator(String),
    /// An unknown type of provider: `"type": "custom-tokn"`
    #[error("unknown provider type `{0}`")]
    ProviderTypeUnknown(String),
    /// A malformed path to a claim: `"name": "a..b"`
    #[error("the metadata field's `name` is not a path: {0}")]
    MetadataPath(MetadataPathError),
    /// A field name for a claim that is too long.
    #[error("the field name `{name}` has {characters} characters; at most {MAX_FIELD_NAME} are allowed")]
    FieldNameLong {
        /// The name.
        name: String,
        /// The number of characters.
        characters: usize,
    },
    /// A field name that BSON does not allow, because it contains NUL.
    #[error("a field name must not contain the character U+0000")]
    FieldNameNul,
    /// A field name that several claims share.
    #[error("two metadata fields have the field name `{0}`")]
    FieldNameDuplicate(String),
    /// An empty string in an array: `"audience": [""]`
    #[error("`{0}` must not contain an empty string")]
    ElementEmpty(&'static str),
    /// A provider of a type that does not accept tokens of third parties, where such a provider is required.
    #[error("a provider of type `{}` does not accept third-party tokens", .0.name())]
    ProviderTakesNoToken(ProviderType),
    /// An unsupported algorithm: `"signingAlgorithm": "ES256"`
    #[error("unknown signing algorithm `{0}`; tokens are signed with `HS256` or `RS256`")]
    AlgorithmUnknown(String),
    /// A key set with an algorithm that does not use one: `"useJWKURI": true`, `"signingAlgorithm": "HS256"`
    #[error("keys from an address (`useJWKURI`) verify `RS256` only, not `HS256`")]
    JwksNeedsRs256,
    /// A key set whose address is not HTTPS: `"jwkURI": "http://…"`
    #[error("`jwkURI` must be a URI that starts with `https://`, without user and password")]
    JwkUriNotHttps,
    /// More names in `signingKeys` than allowed.
    #[error("`signingKeys` has {0} keys; at most three are allowed")]
    KeysTooMany(usize),
    /// No `audience`, and no client id of the application to use instead.
    #[error("the provider has no `audience`, and the application has no client ID to use instead")]
    AudienceMissing,
    /// A secret named in `signingKeys` that was not supplied.
    #[error("the secret `{0}` was not supplied")]
    SecretMissing(String),
    /// A secret that is too short or too long for HS256.
    #[error("the secret `{name}` has {characters} characters; a key for `HS256` needs 32 to 512")]
    SecretLength {
        /// The name of the secret.
        name: String,
        /// The number of characters in the secret.
        characters: usize,
    },
    /// A public key used as an HS256 secret: anyone who knows it could sign tokens.
    #[error("the secret `{0}` is a key or a certificate, not a secret for `HS256`")]
    SecretIsKey(String),
    /// A secret that is not an RS256 public key.
    #[error("the secret `{name}` is not a key for `RS256`: {reason}")]
    SecretNotKey {
        /// The name of the secret.
        name: String,
        /// What is wrong with it.
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
