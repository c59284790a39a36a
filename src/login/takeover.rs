use bson::DateTime;

use super::LoginError;
use crate::auth::VerifiedClaims;
use crate::future::BoxFuture;
use crate::store::{Account, Identity};

/// Decides whether a third-party token takes over an imported user.
///
/// This is called at logins with a third-party token whose identity does not belong to a user.
pub trait Takeover: Send + Sync {
    /// The user whom the identity has taken over. `None` if the claims do not refer to a user who can be taken over;
    /// the login then proceeds as usual.
    fn take_over<'a>(
        &'a self,
        claims: &'a VerifiedClaims,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, LoginError>>;
}
