use thiserror::Error;

use super::metadata::MetadataError;
use super::provider_type::ProviderType;
use super::selection::CustomDataError;

/// Why no user can be assembled from claims.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// No claim `sub`.
    #[error("the token has no `sub` claim (user ID)")]
    SubjectMissing,
    /// `"sub": ""`
    #[error("the claim `sub` must not be empty")]
    SubjectEmpty,
    /// A claim of the wrong type: `"sub": 7`.
    #[error("the claim `{claim}` must be {expected}, not of type `{found}`")]
    ClaimType {
        /// The claim, or the path into it.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The type it has, as `$type` calls it.
        found: &'static str,
    },
    /// No claim `typ`: not one of our tokens.
    #[error("the token has no `typ` claim: it is not an access token, and no provider was named for it")]
    TokenTypeMissing,
    /// `"typ": "refresh"`
    #[error("expected an access token, found a refresh token")]
    TokenTypeRefresh,
    /// `"typ": "id"`
    #[error("expected an access token, found a token of type `{0}`")]
    TokenTypeUnknown(String),
    /// An access token without the claim `portcullis`.
    #[error("the access token has no `portcullis` claim, which describes the user")]
    PortcullisMissing,
    /// `"portcullis": { "type": "system" }`
    #[error("a claim cannot make a user of type \"system\"")]
    UserTypeSystem,
    /// `"portcullis": { "type": "admin" }`
    #[error("the claim `portcullis.type` must be \"normal\" or \"server\", not `{0}`")]
    UserTypeUnknown(String),
    /// The provider is switched off.
    #[error("the provider `{0}` is disabled")]
    ProviderDisabled(String),
    /// A provider that does not accept third-party tokens.
    #[error("a provider of type `{}` does not accept third-party tokens", .0.name())]
    ProviderTakesNoToken(ProviderType),
    /// The provider's `metadata_fields` reject the claims.
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
