use bson::Document;

use super::{Account, Identity, Removed, StoreError, UsersError};
use crate::auth::ProviderType;
use crate::future::BoxFuture;

/// An event about a user, to be handled by a trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountEvent {
    /// The name of the trigger.
    pub trigger: String,
    /// The user.
    pub user_id: String,
    /// The argument for the trigger's function.
    pub event: Document,
}

/// A stored event that has not been handled.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingEvent {
    /// The id of the event. Ids increase in the order of insertion.
    pub id: String,
    /// The event.
    pub event: AccountEvent,
}

/// Computes the events about a user from the user's current state.
pub type Telling<'a> = &'a (dyn Fn(&Account) -> Vec<AccountEvent> + Send + Sync);

/// The events about the users of an application that triggers have not handled. If the store supports transactions, an
/// event is written in the same transaction as its cause. Without them (MongoDB that is not a replica set), an event is
/// lost if the process ends right after its cause.
pub trait AccountEvents: Send + Sync {
    /// Like [`Users::activate`](super::Users::activate), and adds the events if the user was pending.
    fn activate<'a>(&'a self, id: &'a str, telling: Telling<'a>) -> BoxFuture<'a, Result<(), UsersError>>;

    /// Like [`Users::delete`](super::Users::delete), and adds the events if the user existed.
    fn delete<'a>(
        &'a self,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>>;

    /// Like [`Users::remove_identity`](super::Users::remove_identity), and adds the events if that deletes the user.
    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>>;

    /// Adds the events of a login, unless its session has ended. Returns whether the session exists.
    fn logged_in<'a>(
        &'a self,
        session_id: &'a str,
        events: &'a [AccountEvent],
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// The oldest events of a trigger whose ids are greater than `after`, at most `limit` of them.
    fn waiting<'a>(
        &'a self,
        trigger: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<WaitingEvent>, StoreError>>;

    /// The number of events that a trigger has not handled.
    fn count<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes events that a trigger has handled. Returns how many of them existed.
    fn remove<'a>(&'a self, trigger: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes all events of a trigger. Returns how many there were.
    fn forget<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Completes when this process writes another event, or after a short time. Events written by other processes go
    /// unnoticed.
    fn added(&self) -> BoxFuture<'_, ()>;
}
