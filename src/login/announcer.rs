use std::sync::Arc;

use bson::{DateTime, Document, doc};

use super::custom_data_place::CustomDataPlace;
use crate::auth::ProviderType;
use crate::clock::{Clock, SystemClock};
use crate::store::{
    Account, AccountEvent, AccountEvents, AccountState, CustomDataStore, Identity, Removed, StoreError, UsersError,
};
use crate::trigger::{AuthenticationTrigger, Operation};
use crate::user::{CustomData, User};

/// The maximum size in bytes of custom data in an event: 1 MiB, as in tokens.
const MAX_CUSTOM_DATA: usize = 1 << 20;

/// Tells authentication triggers what happens to users: together with the cause, it stores an event for each trigger
/// that listens for it. Logins do not depend on whether and when triggers run.
#[derive(Clone)]
pub struct Announcer {
    events: Arc<dyn AccountEvents>,
    triggers: Arc<[(String, AuthenticationTrigger)]>,
    clock: Arc<dyn Clock>,
    custom_data: CustomDataPlace,
}

impl Announcer {
    /// Creates an announcer for these triggers, given by name.
    #[must_use]
    pub fn new(events: Arc<dyn AccountEvents>, triggers: Vec<(String, AuthenticationTrigger)>) -> Self {
        Self { events, triggers: triggers.into(), clock: Arc::new(SystemClock), custom_data: CustomDataPlace::Unsaid }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the store in which the custom data of users who are created or deleted is looked up.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.custom_data = CustomDataPlace::Store(store);
        self
    }

    /// Declares that the application does not use custom data.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.custom_data = CustomDataPlace::Nowhere;
        self
    }

    /// The custom data for an event, provided that any trigger listens for it. If it cannot be looked up, logins and
    /// deletions go on without it.
    async fn custom_data(&self, operation: Operation, user_id: &str) -> CustomData {
        let is_wanted = |(_, trigger): &(String, AuthenticationTrigger)| trigger.operations.contains(&operation);
        if !self.triggers.iter().any(is_wanted) {
            return CustomData::NotLoaded;
        }
        let store = match &self.custom_data {
            CustomDataPlace::Unsaid => return CustomData::NotLoaded,
            CustomDataPlace::Nowhere => return CustomData::Absent,
            CustomDataPlace::Store(store) => store,
        };
        match store.find(user_id).await {
            Ok(found) => bounded(found.document.map_or(CustomData::Absent, CustomData::Loaded)),
            Err(_) => CustomData::NotLoaded,
        }
    }

    /// The events for all triggers that listen for an operation.
    fn events_of(
        &self,
        operation: Operation,
        providers: &[ProviderType],
        user: &User,
        time: DateTime,
    ) -> Vec<AccountEvent> {
        let wanting = self.triggers.iter().filter(|(_, trigger)| trigger.wants(operation, providers));
        let event = |(trigger, _): &(String, AuthenticationTrigger)| AccountEvent {
            trigger: trigger.clone(),
            user_id: user.id.clone(),
            event: doc! {
                "operationType": operation.name(),
                "providers": providers.iter().map(|provider| provider.name()).collect::<Vec<_>>(),
                "user": document_of(user),
                "time": time,
            },
        };
        wanting.map(event).collect()
    }

    /// Makes a pending user active. At this point, the first login has succeeded so far, and the user counts as
    /// created.
    pub(super) async fn activate(&self, id: &str, provider: ProviderType) -> Result<(), UsersError> {
        let now = self.clock.now();
        let custom_data = self.custom_data(Operation::Create, id).await;
        let telling = |account: &Account| {
            self.events_of(Operation::Create, &[provider], &account.to_user(custom_data.clone()), now)
        };
        self.events.activate(id, &telling).await
    }

    /// Adds the events of a login. Returns whether the session exists.
    pub(super) async fn logged_in(
        &self,
        session_id: &str,
        provider: ProviderType,
        user: &User,
    ) -> Result<bool, StoreError> {
        let bounded_user = User { custom_data: bounded(user.custom_data.clone()), ..user.clone() };
        let events = self.events_of(Operation::Login, &[provider], &bounded_user, self.clock.now());
        // Without a trigger that listens, nothing is written.
        if events.is_empty() { Ok(true) } else { self.events.logged_in(session_id, &events).await }
    }

    /// Deletes a user and returns the user's identities. There are no events about a user who is still pending.
    pub(super) async fn delete(&self, id: &str) -> Result<Option<Vec<Identity>>, StoreError> {
        let now = self.clock.now();
        let custom_data = self.custom_data(Operation::Delete, id).await;
        self.events.delete(id, &|account| self.deleted(account, &custom_data, now)).await
    }

    /// Removes an identity. If it is the user's only one, adds the events of the user's deletion.
    pub(super) async fn remove_identity(
        &self,
        provider_type: ProviderType,
        id: &str,
        owner: Option<&str>,
    ) -> Result<Option<Removed>, StoreError> {
        let now = self.clock.now();
        let custom_data = match owner {
            Some(owner) => self.custom_data(Operation::Delete, owner).await,
            None => CustomData::NotLoaded,
        };
        let telling = |account: &Account| {
            let is_owner = owner == Some(account.id.as_str());
            self.deleted(account, if is_owner { &custom_data } else { &CustomData::NotLoaded }, now)
        };
        self.events.remove_identity(provider_type, id, &telling).await
    }

    /// The events of a user's deletion.
    fn deleted(&self, account: &Account, custom_data: &CustomData, time: DateTime) -> Vec<AccountEvent> {
        if matches!(account.state, AccountState::Pending | AccountState::DisabledPending) {
            return Vec::new();
        }
        let mut providers: Vec<ProviderType> = Vec::new();
        for identity in &account.identities {
            if !providers.contains(&identity.provider_type) {
                providers.push(identity.provider_type);
            }
        }
        self.events_of(Operation::Delete, &providers, &account.to_user(custom_data.clone()), time)
    }
}

/// The user in an event. As for functions, custom data is empty if the user has none; it is absent if it could not be
/// looked up.
fn document_of(user: &User) -> Document {
    let mut document = user.to_document();
    if user.custom_data != CustomData::NotLoaded && !document.contains_key("custom_data") {
        document.insert("custom_data", doc! {});
    }
    document
}

/// Drops custom data that is too large for an event.
fn bounded(custom_data: CustomData) -> CustomData {
    match custom_data {
        CustomData::Loaded(data) if data.to_vec().map_or(true, |bytes| bytes.len() > MAX_CUSTOM_DATA) => {
            CustomData::NotLoaded
        }
        custom_data => custom_data,
    }
}
