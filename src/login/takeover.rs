use bson::DateTime;

use super::LoginError;
use crate::auth::VerifiedClaims;
use crate::future::BoxFuture;
use crate::store::{Account, Identity};

/// Gives an imported user to the bearer of a third party's token whose claims name that user.
///
/// It is asked at logins with an identity that leads to no user yet, and for no other identity than that of a token.
pub trait Takeover: Send + Sync {
    /// The user who was taken over by the identity; `None` where the claims name nobody who can be, so that the login is an ordinary
    /// one.
    fn take_over<'a>(
        &'a self,
        claims: &'a VerifiedClaims,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, LoginError>>;
}
