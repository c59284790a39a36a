use bson::DateTime;
use thiserror::Error;

use super::Algorithm;
use super::jwks_source::JwksError;
use crate::auth::AssembleError;
use crate::text::Code;

/// The most characters that a third-party token may have.
pub const MAX_TOKEN: usize = 1_000_000;

/// The most characters that a token issued by Portcullis may have, 8 MiB: enough for 1 MiB of custom data, even if it
/// is all small numbers, which take more than four times their size in a token.
pub const MAX_OWN_TOKEN: usize = 8 * 1024 * 1024;

/// The most characters that an encoded header may have: it is decoded before anything has been verified.
pub const MAX_HEADER: usize = 16 * 1024;

/// One of the three parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// The first: names the algorithm and the key.
    Header,
    /// The second: the claims.
    Payload,
    /// The third.
    Signature,
}

/// Why a token is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More characters than [`MAX_TOKEN`], or [`MAX_OWN_TOKEN`].
    #[error("the token has {characters} characters; at most {limit} are accepted")]
    TooLong {
        /// Its length.
        characters: usize,
        /// The longest that is accepted.
        limit: usize,
    },
    /// Not `header.payload.signature`.
    #[error("a token is three parts joined by dots, not {0}")]
    Parts(usize),
    /// More characters than [`MAX_HEADER`].
    #[error("the token's header has {0} characters; at most {MAX_HEADER} are accepted")]
    HeaderTooLong(usize),
    /// Invalid base64url: foreign characters, padding, or unused bits set in the last character.
    #[error("the token's {} is not base64url without padding", .0.name())]
    Base64(TokenPart),
    /// The header is not a JSON object.
    #[error("the token's header is not a JSON object: {0}")]
    HeaderNotJson(String),
    /// A header without `alg`.
    #[error("the token's header has no `alg`, the signing algorithm")]
    AlgorithmMissing,
    /// `"alg": "none"`
    #[error("the token is not signed: its `alg` is `none`")]
    AlgorithmNone,
    /// Another algorithm than the configured one.
    #[error("the token is signed with `{found}`; only `{}` is taken", .expected.name())]
    AlgorithmUnexpected {
        /// The configured one.
        expected: Algorithm,
        /// What the header says.
        found: String,
    },
    /// A header with `crit`: an extension that must be understood.
    #[error("the token's header has `crit`: extensions are not supported")]
    CriticalExtension,
    /// A header whose `b64` is not true: an unencoded payload.
    #[error("the token's header declares an unencoded payload (`b64`)")]
    PayloadUnencoded,
    /// A part of the header of the wrong type: `"kid": 7`.
    #[error("the token's header must have a string as `{0}`")]
    HeaderType(&'static str),
    /// No `kid` although the keys come from an address.
    #[error("the token's header has no `kid`, which names the signing key")]
    KeyIdMissing,
    /// A `kid` that no key of the set has.
    #[error("no key in the set has the `kid` `{0}`")]
    KeyUnknown(String),
    /// The key set cannot be fetched, or two of its keys share a `kid`.
    #[error("{0}")]
    Jwks(#[from] JwksError),
    /// A provider with a key set address, but no source to fetch it from.
    #[error("the provider's keys are at a URI, but nothing is set up to fetch them")]
    JwksNotConnected,
    /// No key matches the signature.
    #[error("the token is not signed with a known key")]
    Signature,
    /// The payload is not a JSON object.
    #[error("the token's payload is not a JSON object: {0}")]
    PayloadNotJson(String),
    /// No claim `exp`.
    #[error("the token has no `exp` claim (expiration time)")]
    ExpiryMissing,
    /// A claim of the wrong type: `"exp": "tomorrow"`.
    #[error("the claim `{claim}` must be {expected}, not of type `{found}`")]
    ClaimType {
        /// The claim, or the path into it.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
        /// The type it has, as `$type` calls it.
        found: &'static str,
    },
    /// A time before 1970 or after 9999.
    #[error("the claim `{0}` must be seconds since 1970, before the year 10000")]
    TimeRange(&'static str),
    /// The token was valid until this time.
    #[error("the token expired at {}", shown(*.at))]
    Expired {
        /// The claim `exp`.
        at: DateTime,
    },
    /// The token will be valid from this time on.
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
    /// No claim `aud`.
    #[error("the token has no `aud` claim (audience)")]
    AudienceMissing,
    /// The token lacks the configured audiences: all of them, or one of them.
    #[error("the token is not for the audience `{0}`")]
    AudienceWrong(String),
    /// A provider that is switched off.
    #[error("the provider `{0}` is disabled")]
    ProviderDisabled(String),
    /// A refresh token in place of an access token.
    #[error("expected an access token, found a refresh token")]
    RefreshAsAccess,
    /// An access token in place of a refresh token.
    #[error("expected a refresh token, found an access token")]
    AccessAsRefresh,
    /// Neither an access token nor a refresh token.
    #[error("unknown token type `{0}`")]
    TypeUnknown(String),
    /// One of our claims is missing, or empty.
    #[error("the token has no claim `{0}`")]
    ClaimMissing(&'static str),
    /// A token of another application.
    #[error("the token was issued for the application `{0}`, not this one")]
    ApplicationOther(String),
    /// An identity of an unknown kind.
    #[error("unknown provider type `{0}` in the claim `baas_identity`")]
    IdentityUnknown(String),
    /// No user can be assembled from the claims.
    #[error("{0}")]
    Claims(#[from] AssembleError),
}

impl TokenPart {
    /// Its name.
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

/// A time in readable form.
fn shown(time: DateTime) -> String {
    time.try_to_rfc3339_string().unwrap_or_else(|_| format!("{} ms", time.timestamp_millis()))
}
