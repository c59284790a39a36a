use thiserror::Error;

use super::metadata::MetadataError;
use super::provider_type::ProviderType;
use super::selection::CustomDataError;

/// Why claims do not result in a user.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// The claim `sub` is missing.
    #[error("the token has no `sub` claim (user ID)")]
    SubjectMissing,
    /// The claim `sub` is empty.
    #[error("the claim `sub` must not be empty")]
    SubjectEmpty,
    /// A claim has the wrong type: `"sub": 7`
    #[error("the claim `{claim}` must be {expected}, not of type `{found}`")]
    ClaimType {
        /// The claim, or a path within it.
        claim: &'static str,
        /// The expected type.
        expected: &'static str,
        /// The type that was found, as an alias of `$type`.
        found: &'static str,
    },
    /// The claim `typ` is missing, so this is not a token issued by Portcullis.
    #[error("the token has no `typ` claim: it is not an access token, and no provider was named for it")]
    TokenTypeMissing,
    /// It is a refresh token: `"typ": "refresh"`
    #[error("expected an access token, found a refresh token")]
    TokenTypeRefresh,
    /// It is neither an access token nor a refresh token: `"typ": "id"`
    #[error("expected an access token, found a token of type `{0}`")]
    TokenTypeUnknown(String),
    /// An access token lacks the claim `portcullis`.
    #[error("the access token has no `portcullis` claim, which describes the user")]
    PortcullisMissing,
    /// The user would be the system user: `"portcullis": { "type": "system" }`
    #[error("a token cannot claim the user type \"system\"")]
    UserTypeSystem,
    /// The type of user is unknown: `"portcullis": { "type": "admin" }`
    #[error("the claim `portcullis.type` must be \"normal\" or \"server\", not `{0}`")]
    UserTypeUnknown(String),
    /// The provider is disabled.
    #[error("the provider `{0}` is disabled")]
    ProviderDisabled(String),
    /// The provider does not accept tokens of third parties.
    #[error("a provider of type `{}` does not accept third-party tokens", .0.name())]
    ProviderTakesNoToken(ProviderType),
    /// The claims do not comply with the provider's `metadata_fields`.
    #[error("{0}")]
    Metadata(MetadataError),
    /// The custom-data document cannot be used.
    #[error("{0}")]
    CustomData(CustomDataError),
}

impl From<MetadataError> for AssembleError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl From<CustomDataError> for AssembleError {
    fn from(error: CustomDataError) -> Self {
        Self::CustomData(error)
    }
}
