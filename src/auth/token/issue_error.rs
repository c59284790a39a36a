use thiserror::Error;

use super::error::MAX_OWN_TOKEN;
use crate::auth::AssembleError;

/// Why a token cannot be issued.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The user is the system user, who exists only in code.
    #[error("no token is issued for the system user")]
    UserSystem,
    /// The user's custom data is not loaded, but the token would say that there is none.
    #[error("the user's custom data was not loaded")]
    CustomDataNotLoaded,
    /// A part of the user would not survive in extended JSON: a field such as `$oid`, a key with U+0000, more than 100
    /// levels, or a NaN with a sign.
    #[error("the user's `{0}` contains values that a token cannot represent unchanged")]
    Unfaithful(&'static str),
    /// The id of the user, session or device is empty.
    #[error("`{0}` must not be empty")]
    Empty(&'static str),
    /// The claims would not result in a user.
    #[error("the token would not verify: {0}")]
    Claims(AssembleError),
    /// A refresh token for a user who is not anonymous needs an expiry.
    #[error("only an anonymous user's refresh token never expires")]
    ExpiryMissing,
    /// The refresh token would have expired already.
    #[error("the refresh token would have expired already")]
    ExpiryPast,
    /// A time is before 1970 or after 9999.
    #[error("a token cannot be issued at a time before 1970 or after 9999")]
    TimeRange,
    /// The token would have more than [`MAX_OWN_TOKEN`] characters.
    #[error("the token would have {0} characters; at most {MAX_OWN_TOKEN} are accepted")]
    TooLong(usize),
    /// The cryptographic library failed to sign the token.
    #[error("the token cannot be signed")]
    Signing,
}
