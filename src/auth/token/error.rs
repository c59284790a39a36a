use bson::DateTime;
use thiserror::Error;

use super::Algorithm;
use super::jwks_source::JwksError;
use crate::auth::AssembleError;
use crate::text::Code;
use crate::value::iso_8601;

/// The maximum number of characters in a third-party token.
pub const MAX_TOKEN: usize = 1_000_000;

/// The maximum number of characters in a token issued by Portcullis: 8 MiB. This suffices for 1 MiB of custom data,
/// even if it consists of small numbers, which take more than four times their size in a token.
pub const MAX_OWN_TOKEN: usize = 8 * 1024 * 1024;

/// The maximum number of characters in an encoded header, which is decoded before anything has been verified.
pub const MAX_HEADER: usize = 16 * 1024;

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// The first part, which names the algorithm and the key.
    Header,
    /// The second part, which contains the claims.
    Payload,
    /// The third part.
    Signature,
}

/// Why a token is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token has more than [`MAX_TOKEN`] or [`MAX_OWN_TOKEN`] characters.
    #[error("the token has {characters} characters; at most {limit} are accepted")]
    TooLong {
        /// The number of characters.
        characters: usize,
        /// The maximum number of characters.
        limit: usize,
    },
    /// The token does not consist of three parts, but of this many.
    #[error("a token has three parts separated by dots, not {0}")]
    Parts(usize),
    /// The header has more than [`MAX_HEADER`] characters.
    #[error("the token's header has {0} characters; at most {MAX_HEADER} are accepted")]
    HeaderTooLong(usize),
    /// A part is not valid base64url: it has other characters, padding, or unused bits that are set.
    #[error("the token's {} is not base64url without padding", .0.name())]
    Base64(TokenPart),
    /// The header is not a JSON object.
    #[error("the token's header is not a JSON object: {0}")]
    HeaderNotJson(String),
    /// The header lacks `alg`.
    #[error("the token's header has no `alg`, the signing algorithm")]
    AlgorithmMissing,
    /// The header has `"alg": "none"`.
    #[error("the token is not signed: its `alg` is `none`")]
    AlgorithmNone,
    /// The algorithm is not the configured one.
    #[error("the token is signed with `{found}`; only `{}` is accepted", .expected.name())]
    AlgorithmUnexpected {
        /// The configured algorithm.
        expected: Algorithm,
        /// The algorithm in the header.
        found: String,
    },
    /// The header has `crit`, which requires extensions that are not supported.
    #[error("the token's header has `crit`: extensions are not supported")]
    CriticalExtension,
    /// The header has a `b64` that is not true, which means that the payload is not encoded.
    #[error("the token's header declares an unencoded payload (`b64`)")]
    PayloadUnencoded,
    /// A member of the header has the wrong type: `"kid": 7`
    #[error("the token's header must have a string as `{0}`")]
    HeaderType(&'static str),
    /// The header lacks `kid`, although the keys come from a key set.
    #[error("the token's header has no `kid`, which names the signing key")]
    KeyIdMissing,
    /// The key set has no key with this `kid`.
    #[error("no key in the set has the `kid` `{0}`")]
    KeyUnknown(String),
    /// The key set is not available, or several of its keys have this `kid`.
    #[error("{0}")]
    Jwks(#[from] JwksError),
    /// The provider uses a key set, but no source to fetch it was configured.
    #[error("the provider's keys are at a URI, but nothing is set up to fetch them")]
    JwksNotConnected,
    /// The signature matches none of the keys.
    #[error("the token is not signed with a known key")]
    Signature,
    /// The payload is not a JSON object.
    #[error("the token's payload is not a JSON object: {0}")]
    PayloadNotJson(String),
    /// The claim `exp` is missing.
    #[error("the token has no `exp` claim (expiration time)")]
    ExpiryMissing,
    /// A claim has the wrong type: `"exp": "tomorrow"`
    #[error("the claim `{claim}` must be {expected}, not of type `{found}`")]
    ClaimType {
        /// The claim, or a path within it.
        claim: &'static str,
        /// The expected type.
        expected: &'static str,
        /// The type that was found, as an alias of `$type`.
        found: &'static str,
    },
    /// A claim is a time before 1970 or after 9999.
    #[error("the claim `{0}` must be seconds since 1970, before the year 10000")]
    TimeRange(&'static str),
    /// The token has expired.
    #[error("the token expired at {}", shown(*.at))]
    Expired {
        /// The claim `exp`.
        at: DateTime,
    },
    /// The token is not valid yet.
    #[error("the token is not valid before {}", shown(*.from))]
    NotYetValid {
        /// The claim `nbf`.
        from: DateTime,
    },
    /// The token was issued in the future.
    #[error("the token's `iat` is in the future: {}", shown(*.at))]
    IssuedInFuture {
        /// The claim `iat`.
        at: DateTime,
    },
    /// The claim `aud` is missing.
    #[error("the token has no `aud` claim (audience)")]
    AudienceMissing,
    /// The token does not have the required audiences.
    #[error("the token is not for the audience `{0}`")]
    AudienceWrong(String),
    /// The provider is disabled.
    #[error("the provider `{0}` is disabled")]
    ProviderDisabled(String),
    /// The token is a refresh token; an access token is required.
    #[error("expected an access token, found a refresh token")]
    RefreshAsAccess,
    /// The token is an access token; a refresh token is required.
    #[error("expected a refresh token, found an access token")]
    AccessAsRefresh,
    /// The token is neither an access token nor a refresh token.
    #[error("unknown token type `{0}`")]
    TypeUnknown(String),
    /// A claim of tokens issued by Portcullis is missing or empty.
    #[error("the token has no claim `{0}`")]
    ClaimMissing(&'static str),
    /// The token is for a different application.
    #[error("the token was issued for the application `{0}`, not this one")]
    ApplicationOther(String),
    /// The type of the identity's provider is unknown.
    #[error("unknown provider type `{0}` in the claim `baas_identity`")]
    IdentityUnknown(String),
    /// The claims do not result in a user.
    #[error("{0}")]
    Claims(#[from] AssembleError),
}

impl TokenPart {
    /// The name of the part.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        }
    }
}

impl Code for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "token-too-long",
            Self::Parts(_) => "token-parts",
            Self::HeaderTooLong(_) => "token-header-too-long",
            Self::Base64(_) => "token-base64",
            Self::HeaderNotJson(_) => "token-header-not-json",
            Self::AlgorithmMissing => "token-algorithm-missing",
            Self::AlgorithmNone => "token-algorithm-none",
            Self::AlgorithmUnexpected { .. } => "token-algorithm-unexpected",
            Self::CriticalExtension => "token-critical-extension",
            Self::PayloadUnencoded => "token-payload-unencoded",
            Self::HeaderType(_) => "token-header-type",
            Self::KeyIdMissing => "token-key-id-missing",
            Self::KeyUnknown(_) => "token-key-unknown",
            Self::Jwks(error) => error.code(),
            Self::JwksNotConnected => "jwks-not-connected",
            Self::Signature => "token-signature",
            Self::PayloadNotJson(_) => "token-payload-not-json",
            Self::ExpiryMissing => "token-expiry-missing",
            Self::ClaimType { .. } => "token-claim-type",
            Self::TimeRange(_) => "token-time-range",
            Self::Expired { .. } => "token-expired",
            Self::NotYetValid { .. } => "token-not-yet-valid",
            Self::IssuedInFuture { .. } => "token-issued-in-future",
            Self::AudienceMissing => "token-audience-missing",
            Self::AudienceWrong(_) => "token-audience-wrong",
            Self::ProviderDisabled(_) => "provider-disabled",
            Self::RefreshAsAccess => "token-refresh-as-access",
            Self::AccessAsRefresh => "token-access-as-refresh",
            Self::TypeUnknown(_) => "token-type-unknown",
            Self::ClaimMissing(_) => "token-claim-missing",
            Self::ApplicationOther(_) => "token-application-other",
            Self::IdentityUnknown(_) => "token-identity-unknown",
            Self::Claims(_) => "token-claims",
        }
    }
}

/// Formats a time for messages.
fn shown(time: DateTime) -> String {
    iso_8601(time).unwrap_or_else(|| format!("{} ms", time.timestamp_millis()))
}
