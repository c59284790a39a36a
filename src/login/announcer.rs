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

/// The most custom data that an event carries, in bytes: 1 MiB, the same as a token.
const MAX_CUSTOM_DATA: usize = 1 << 20;

/// Announces what happens to users to authentication triggers: writes an event for each trigger that listens for it,
/// together with its cause. Whether and when the trigger runs does not affect logins.
#[derive(Clone)]
pub struct Announcer {
    events: Arc<dyn AccountEvents>,
    triggers: Arc<[(String, AuthenticationTrigger)]>,
    clock: Arc<dyn Clock>,
    custom_data: CustomDataPlace,
}

impl Announcer {
    /// Announces to these triggers, each with its name.
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

    /// Looks up here the custom data of users who are created or deleted.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.custom_data = CustomDataPlace::Store(store);
        self
    }

    /// Declares that the application has no custom data: no user has any.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.custom_data = CustomDataPlace::Nowhere;
        self
    }

    /// The custom data of a user for an event, if a trigger wants it. Neither a login nor a deletion fails for want of them.
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

    /// The events for the triggers that listen for an operation.
    fn told(&self, operation: Operation, providers: &[ProviderType], user: &User, time: DateTime) -> Vec<AccountEvent> {
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

    /// Makes a pending user active. This is the moment at which a user counts as created: the first login has got this
    /// far.
    pub(super) async fn activate(&self, id: &str, provider: ProviderType) -> Result<(), UsersError> {
        let now = self.clock.now();
        let custom_data = self.custom_data(Operation::Create, id).await;
        let telling =
            |account: &Account| self.told(Operation::Create, &[provider], &account.to_user(custom_data.clone()), now);
        self.events.activate(id, &telling).await
    }

    /// Announces a login. Returns whether its session is still alive.
    pub(super) async fn logged_in(
        &self,
        session_id: &str,
        provider: ProviderType,
        user: &User,
    ) -> Result<bool, StoreError> {
        let told = User { custom_data: bounded(user.custom_data.clone()), ..user.clone() };
        let events = self.told(Operation::Login, &[provider], &told, self.clock.now());
        // Nothing is written if no trigger listens.
        if events.is_empty() { Ok(true) } else { self.events.logged_in(session_id, &events).await }
    }

    /// Deletes a user, whose identities are returned. Of one who was never created nothing is told.
    pub(super) async fn delete(&self, id: &str) -> Result<Option<Vec<Identity>>, StoreError> {
        let now = self.clock.now();
        let custom_data = self.custom_data(Operation::Delete, id).await;
        self.events.delete(id, &|account| self.deleted(account, &custom_data, now)).await
    }

    /// Removes an identity from its user, and tells of the user if it was the only one.
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

    /// What is told of a user who is deleted.
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
        self.told(Operation::Delete, &providers, &account.to_user(custom_data.clone()), time)
    }
}

/// The user of an event. As in functions, one without custom data has empty ones; those that could not be looked up are
/// missing.
fn document_of(user: &User) -> Document {
    let mut document = user.to_document();
    if user.custom_data != CustomData::NotLoaded && !document.contains_key("custom_data") {
        document.insert("custom_data", doc! {});
    }
    document
}

/// What an event has room for.
fn bounded(custom_data: CustomData) -> CustomData {
    match custom_data {
        CustomData::Loaded(data) if data.to_vec().map_or(true, |bytes| bytes.len() > MAX_CUSTOM_DATA) => {
            CustomData::NotLoaded
        }
        custom_data => custom_data,
    }
}
