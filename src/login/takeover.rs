use bson::DateTime;

use super::LoginError;
use crate::auth::VerifiedClaims;
use crate::future::BoxFuture;
use crate::store::{Account, Identity};

/// Lets the bearer of a third-party token take over an imported user whom its claims name.
///
/// It is called at logins with an identity that belongs to no user yet, and only for identities from tokens.
pub trait Takeover: Send + Sync {
    /// The user whom the identity has taken over; `None` if the claims name nobody who can be taken over: the login is
    /// then an ordinary one.
    fn take_over<'a>(
        &'a self,
        claims: &'a VerifiedClaims,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, LoginError>>;
}
