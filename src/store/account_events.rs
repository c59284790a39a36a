use bson::Document;

use super::{Account, Identity, Removed, StoreError, UsersError};
use crate::auth::ProviderType;
use crate::future::BoxFuture;

/// Something that happened to a user, waiting for the trigger that is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountEvent {
    /// The name of the trigger.
    pub trigger: String,
    /// The user.
    pub user_id: String,
    /// What the trigger's function gets.
    pub event: Document,
}

/// An event that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingEvent {
    /// Its id, of which later ones are greater.
    pub id: String,
    /// The event.
    pub event: AccountEvent,
}

/// What is to be told of a user, by what the user is at that moment.
pub type Telling<'a> = &'a (dyn Fn(&Account) -> Vec<AccountEvent> + Send + Sync);

/// The events of one application's users that triggers have not been told of yet. An event is written together with what it tells of,
/// both or neither, where the store has transactions. MongoDB without a replica set has none: there, an event is lost if the process
/// ends right after its cause.
pub trait AccountEvents: Send + Sync {
    /// As [`Users::activate`](super::Users::activate), and tells of it if the user was pending.
    fn activate<'a>(&'a self, id: &'a str, telling: Telling<'a>) -> BoxFuture<'a, Result<(), UsersError>>;

    /// As [`Users::delete`](super::Users::delete), and tells of it if there was one.
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

    /// Tells of a login, whose session has begun, if that has not ended; whether it has not.
    fn logged_in<'a>(
        &'a self,
        session_id: &'a str,
        events: &'a [AccountEvent],
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// At most `limit` events of a trigger whose ids follow `after`, those first that happened first.
    fn waiting<'a>(
        &'a self,
        trigger: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<WaitingEvent>, StoreError>>;

    /// How many events wait for a trigger.
    fn count<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes events that a trigger was told of; how many were there.
    fn remove<'a>(&'a self, trigger: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes all events of a trigger; how many there were.
    fn forget<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Ready once this process has written an event after the call, or a little later. Other processes do not tell theirs.
    fn added(&self) -> BoxFuture<'_, ()>;
}
