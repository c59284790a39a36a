use bson::Document;

use super::{Account, Identity, Removed, StoreError, UsersError};
use crate::auth::ProviderType;
use crate::future::BoxFuture;

/// An event about a user that waits for its trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountEvent {
    /// The name of the trigger.
    pub trigger: String,
    /// The user.
    pub user_id: String,
    /// The argument of the trigger's function.
    pub event: Document,
}

/// A waiting event.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingEvent {
    /// Its id; later events have greater ones.
    pub id: String,
    /// The event.
    pub event: AccountEvent,
}

/// Computes the events about a user from the user's state at that moment.
pub type Telling<'a> = &'a (dyn Fn(&Account) -> Vec<AccountEvent> + Send + Sync);

/// The events about one application's users that triggers have not handled yet. If the store has transactions, an event
/// is written atomically with its cause. MongoDB without a replica set has none: there, an event is lost if the process
/// ends right after its cause.
pub trait AccountEvents: Send + Sync {
    /// As [`Users::activate`](super::Users::activate), and adds the events if the user was pending.
    fn activate<'a>(&'a self, id: &'a str, telling: Telling<'a>) -> BoxFuture<'a, Result<(), UsersError>>;

    /// As [`Users::delete`](super::Users::delete), and adds the events if there was such a user.
    fn delete<'a>(
        &'a self,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>>;

    /// As [`Users::remove_identity`](super::Users::remove_identity), and tells of the user who is deleted with it.
    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>>;

    /// Adds the events of a login unless its session has ended. Returns whether the session is alive.
    fn logged_in<'a>(
        &'a self,
        session_id: &'a str,
        events: &'a [AccountEvent],
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// At most `limit` events of a trigger whose ids follow `after`, oldest first.
    fn waiting<'a>(
        &'a self,
        trigger: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<WaitingEvent>, StoreError>>;

    /// The number of events that wait for a trigger.
    fn count<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes events that a trigger has handled. Returns how many were there.
    fn remove<'a>(&'a self, trigger: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes all events of a trigger. Returns their number.
    fn forget<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Completes once this process has written an event after the call, or after a short while. Events written by other
    /// processes are not noticed.
    fn added(&self) -> BoxFuture<'_, ()>;
}
