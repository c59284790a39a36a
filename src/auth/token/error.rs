use bson::DateTime;
use thiserror::Error;

use super::Algorithm;
use super::jwks_source::JwksError;
use crate::auth::AssembleError;
use crate::text::Code;

/// How many characters a token of a third party may have.
pub const MAX_TOKEN: usize = 1_000_000;

/// How many characters one of our own tokens may have, 8 MiB: custom data of 1 MiB fits, be it of nothing but small
/// numbers, which take more than four times their room in a token.
pub const MAX_OWN_TOKEN: usize = 8 * 1024 * 1024;

/// How many characters the header of a token may have, as written: it is read before anything vouches for it.
pub const MAX_HEADER: usize = 16 * 1024;

/// One of the three parts of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// The first: which algorithm, which key.
    Header,
    /// The second: the claims.
    Payload,
    /// The third.
    Signature,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More characters than [`MAX_TOKEN`], or [`MAX_OWN_TOKEN`].
    #[error("the token has {characters} characters; at most {limit} are accepted")]
    TooLong {
        /// Its length.
        characters: usize,
        /// The longest that is taken.
        limit: usize,
    },
    /// Not `header.payload.signature`.
    #[error("a token is three parts joined by dots, not {0}")]
    Parts(usize),
    /// More characters than [`MAX_HEADER`].
    #[error("the token's header has {0} characters; at most {MAX_HEADER} are accepted")]
    HeaderTooLong(usize),
    /// Other characters, padding, or a last character with bits to spare.
    #[error("the token's {} is not base64url without padding", .0.name())]
    Base64(TokenPart),
    /// The header is no JSON object.
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
    /// A header with `b64` that is not true: a payload that is not encoded.
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
    /// The set cannot be had, or not told apart.
    #[error("{0}")]
    Jwks(#[from] JwksError),
    /// A provider whose keys come from an address, and nothing that fetches them.
    #[error("the provider's keys are at a URI, but nothing is set up to fetch them")]
    JwksNotConnected,
    /// The signature is of no key.
    #[error("the token is not signed with a known key")]
    Signature,
    /// The payload is no JSON object.
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
    /// It was good until then.
    #[error("the token expired at {}", shown(*.at))]
    Expired {
        /// The claim `exp`.
        at: DateTime,
    },
    /// It will be good from then on.
    #[error("the token is not valid before {}", shown(*.from))]
    NotYetValid {
        /// The claim `nbf`.
        from: DateTime,
    },
    /// It will be made.
    #[error("the token's `iat` is in the future: {}", shown(*.at))]
    IssuedInFuture {
        /// The claim `iat`.
        at: DateTime,
    },
    /// No claim `aud`.
    #[error("the token has no `aud` claim (audience)")]
    AudienceMissing,
    /// None, or not all, of the configured audiences.
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
    /// The claims make no user.
    #[error("{0}")]
    Claims(#[from] AssembleError),
}

impl TokenPart {
    /// What it is called.
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

/// A time as a person reads it.
fn shown(time: DateTime) -> String {
    time.try_to_rfc3339_string().unwrap_or_else(|_| format!("{} ms", time.timestamp_millis()))
}
