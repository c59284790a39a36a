use thiserror::Error;

use super::error::MAX_OWN_TOKEN;
use crate::auth::AssembleError;

/// Why a token cannot be issued.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The system user: it exists in code only.
    #[error("no token is issued for the system user")]
    UserSystem,
    /// The user's custom data was not loaded; a token would state that there is none.
    #[error("the user's custom data was not loaded")]
    CustomDataNotLoaded,
    /// A part of the user that extended JSON cannot represent: a field called `$oid`, a key with U+0000, more than 100
    /// levels, a NaN with a sign.
    #[error("the user's `{0}` holds what a token cannot carry unchanged")]
    Unfaithful(&'static str),
    /// An empty id of a user, session or device.
    #[error("`{0}` must not be empty")]
    Empty(&'static str),
    /// The user cannot be assembled again from its claims.
    #[error("the token would not verify: {0}")]
    Claims(AssembleError),
    /// A refresh token without an expiry, for a user who is not anonymous.
    #[error("only an anonymous user's refresh token has no end")]
    ExpiryMissing,
    /// A refresh token that has already expired.
    #[error("the refresh token would have expired already")]
    ExpiryPast,
    /// A time before 1970 or after 9999.
    #[error("a token cannot be issued at a time before 1970 or after 9999")]
    TimeRange,
    /// More characters than [`MAX_OWN_TOKEN`].
    #[error("the token would have {0} characters; at most {MAX_OWN_TOKEN} are accepted")]
    TooLong(usize),
    /// The cryptographic library failed to sign.
    #[error("the token cannot be signed")]
    Signing,
}
