use std::collections::HashMap;
use std::time::Duration;

use ::mongodb::Database;
use ::mongodb::options::Hint;
use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use tokio::time::sleep;

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::import::import;
use super::managed_collection::{ManagedCollection, unique_index};
use super::stored_users::{StoredUsers, UNCLAIMED, element};
use crate::record::key;
use portcullis::auth::ProviderType;
use portcullis::store::shown;
use portcullis::store::{Account, AccountState, Identity, ImportOutcome, Removed, StoreError, Users, UsersError};
use portcullis::{BoxFuture, UserType};

/// The users of one application, in the collection `users` of Portcullis's own database, which other applications may
/// share.
///
/// A unique index over the identities, created on first use, ensures that no two users of an application share an
/// identity, however many processes write concurrently. Dropping the collection while a process uses it also drops
/// the index: restart the process afterwards. A stored user that cannot be read, because something else has changed
/// it, is a [`StoreError`] that names it.
#[derive(Debug)]
pub struct MongoUsers {
    users: ManagedCollection,
    application: String,
}

/// How often an operation is attempted that concurrent writers can cause to fail.
pub(super) const ATTEMPTS: u32 = 12;

impl MongoUsers {
    /// The name of the collection. A server that exposes the same database through rules must not open it.
    pub const COLLECTION: &str = "users";

    /// The users of the application with this ID. Nothing is read or created yet.
    #[must_use]
    pub fn new(database: &Database, application: impl Into<String>) -> Self {
        Self { users: Self::collection(database), application: application.into() }
    }

    pub(super) fn collection(database: &Database) -> ManagedCollection {
        ManagedCollection::new(database, Self::COLLECTION, || {
            let keys = doc! { "_id.application": 1, "identities.provider_type": 1, "identities.id": 1 };
            vec![unique_index("identity", keys)]
        })
    }

    async fn ready(&self) -> Result<StoredUsers<'_>, Failure> {
        Ok(StoredUsers { collection: self.users.ready().await?, application: &self.application })
    }

    async fn find_or_create(&self, identity: &Identity, now: DateTime) -> Result<Account, Failure> {
        let users = self.ready().await?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            if let Some(account) = users.log_in(identity, now).await? {
                return Ok(account);
            }
            let account = Account::new(ObjectId::new().to_hex(), identity.clone(), now);
            match users.insert(&account).await {
                Ok(()) => return Ok(account),
                // The user is disabled, or another login has created it concurrently.
                Err(error) if error.is_duplicate_key() => {}
                Err(error) => return Err(error),
            }
            let known = users.find_one(users.by_identity(identity)).await?;
            if let Some(account) = known.filter(|account| account.state.is_disabled()) {
                return Ok(account);
            }
        }
        Err(contended())
    }

    async fn find(&self, id: &str) -> Result<Option<Account>, Failure> {
        let users = self.ready().await?;
        users.find_one(users.by_id(id)).await
    }

    async fn find_all(&self, ids: &[&str]) -> Result<Vec<Option<Account>>, Failure> {
        let users = self.ready().await?;
        let keys: Vec<Document> = ids.iter().map(|id| key(&self.application, id)).collect();
        let found = async {
            let mut cursor = users.collection.find(doc! { "_id": { "$in": keys } }).max_time(SERVER_TIME).await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.current().to_owned());
            }
            Ok(found)
        };
        let found = patiently(found).await?;
        let found = found.iter().map(|raw| users.read(raw).map(|account| (account.id.clone(), account)));
        let found = found.collect::<Result<HashMap<_, _>, _>>()?;
        Ok(ids.iter().map(|id| found.get(*id).cloned()).collect())
    }

    async fn link(&self, id: &str, identity: &Identity) -> Result<Result<Account, UsersError>, Failure> {
        let users = self.ready().await?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let claim = doc! { UNCLAIMED: "" };
            let replace = doc! { "$set": { "identities.$.data": &identity.data }, "$unset": &claim };
            let (mut having, mut lacking) = (users.by_id(id), users.by_id(id));
            having.insert("identities", element(identity));
            lacking.insert("identities", doc! { "$not": rival(identity) });
            if let Some(account) = users.update(having, replace).await? {
                return Ok(Ok(account));
            }
            let push = doc! { "$push": { "identities": identity.to_document() }, "$unset": claim };
            match users.update(lacking, push).await {
                Ok(Some(account)) => return Ok(Ok(account)),
                Ok(None) => match users.find_one(users.by_id(id)).await? {
                    None => return Ok(Err(UsersError::Unknown(shown(id)))),
                    Some(account) if account.has_another(identity) => {
                        return Ok(Err(UsersError::SecondIdentity(identity.provider_type)));
                    }
                    // The identity was linked concurrently.
                    Some(_) => {}
                },
                Err(error) if error.is_duplicate_key() => {
                    let IdentityOf { provider_type, id } = identity.into();
                    return Ok(Err(UsersError::IdentityTaken { provider_type, id }));
                }
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    async fn take_over(&self, id: &str, identity: &Identity, now: DateTime) -> Result<Option<Account>, Failure> {
        let users = self.ready().await?;
        let mut filter = users.by_id(id);
        filter.insert(UNCLAIMED, true);
        filter.insert("state", AccountState::Active.name());
        filter.insert("type", UserType::Normal.name());
        filter.insert("identities", doc! { "$not": rival(identity) });
        let claim = doc! {
            "$push": { "identities": identity.to_document() },
            "$set": { "last_login_at": now },
            "$unset": { UNCLAIMED: "" },
        };
        match users.update(filter, claim).await {
            Err(error) if error.is_duplicate_key() => Ok(None),
            taken => taken,
        }
    }

    async fn remove_identity(&self, identity: &Identity) -> Result<Option<Removed>, Failure> {
        let users = self.ready().await?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let mut sole = users.by_identity(identity);
            sole.insert("identities.1", doc! { "$exists": false });
            if let Some(account) = users.delete_one(sole).await? {
                return Ok(Some(Removed::WithUser(account.id)));
            }
            if let Some(id) = users.pull_identity(identity).await? {
                return Ok(Some(Removed::FromUser(id)));
            }
            if users.find_one(users.by_identity(identity)).await?.is_none() {
                return Ok(None);
            }
        }
        Err(contended())
    }

    async fn touch(&self, id: &str, now: DateTime) -> Result<bool, Failure> {
        let users = self.ready().await?;
        let seen = doc! { "$max": { "last_login_at": now } };
        Ok(patiently(async { users.collection.update_one(users.by_id(id), seen).await }).await?.matched_count > 0)
    }

    /// Sets the state of a user, if the user is currently in the state `from` or `from` is `None`. Returns whether
    /// there is such a user.
    async fn set_state(&self, id: &str, from: Option<AccountState>, state: AccountState) -> Result<bool, Failure> {
        let users = self.ready().await?;
        let mut filter = users.by_id(id);
        filter.extend(from.map(|from| ("state".to_owned(), Bson::from(from.name()))));
        let set = doc! { "$set": { "state": state.name() } };
        Ok(patiently(async { users.collection.update_one(filter, set).await }).await?.matched_count > 0)
    }

    async fn delete(&self, id: &str) -> Result<Option<Vec<Identity>>, Failure> {
        let users = self.ready().await?;
        let delete = users.collection.find_one_and_delete(users.by_id(id)).max_time(SERVER_TIME);
        let found = patiently(async { delete.await }).await?;
        // A user that cannot be read is deleted all the same.
        Ok(found.map(|found| users.read(&found).map(|account| account.identities).unwrap_or_default()))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, Failure> {
        // For the server, a limit of 0 means no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let users = self.ready().await?;
        let by_id = doc! { "_id": 1 };
        // Index bounds rather than a condition, since a condition would skip IDs that are not strings, which must be
        // an error.
        let from = after.map_or(Bson::MinKey, Bson::from);
        let find = users
            .collection
            .find(after.map_or_else(Document::new, |after| doc! { "_id": { "$ne": key(users.application, after) } }))
            .sort(by_id.clone())
            .hint(Hint::Keys(by_id))
            .min(doc! { "_id": key(users.application, from) })
            .max(doc! { "_id": key(users.application, Bson::MaxKey) })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .max_time(SERVER_TIME);
        let mut cursor = patiently(async { find.await }).await?;
        let mut accounts = Vec::new();
        while patiently(cursor.advance()).await? {
            accounts.push(users.read(cursor.current())?);
        }
        Ok(accounts)
    }
}

impl Users for MongoUsers {
    fn find_or_create<'a>(
        &'a self,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Account, StoreError>> {
        Box::pin(async move {
            self.find_or_create(identity, now).await.map_err(|error| error.during("cannot find or create the user"))
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move { self.find(id).await.map_err(|error| error.during("cannot read the user")) })
    }

    fn find_all<'a>(&'a self, ids: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<Account>>, StoreError>> {
        Box::pin(async move { self.find_all(ids).await.map_err(|error| error.during("cannot read the users")) })
    }

    fn owner<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        Box::pin(async move {
            let identity = Identity { provider_type, id: id.to_owned(), data: Document::new() };
            let found = async {
                let users = self.ready().await?;
                users.find_one(users.by_identity(&identity)).await
            };
            let found: Result<Option<Account>, Failure> = found.await;
            Ok(found.map_err(|error| error.during("cannot read the user"))?.map(|account| account.id))
        })
    }

    fn link<'a>(&'a self, id: &'a str, identity: &'a Identity) -> BoxFuture<'a, Result<Account, UsersError>> {
        Box::pin(
            async move { self.link(id, identity).await.map_err(|error| error.during("cannot link the identity"))? },
        )
    }

    fn take_over<'a>(
        &'a self,
        id: &'a str,
        identity: &'a Identity,
        now: DateTime,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move {
            self.take_over(id, identity, now).await.map_err(|error| error.during("cannot take over the user"))
        })
    }

    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>> {
        Box::pin(async move {
            let identity = Identity { provider_type, id: id.to_owned(), data: Document::new() };
            self.remove_identity(&identity).await.map_err(|error| error.during("cannot remove the identity"))
        })
    }

    fn touch<'a>(&'a self, id: &'a str, now: DateTime) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.touch(id, now).await.map_err(|error| error.during("cannot note the user's visit")) })
    }

    fn set_state<'a>(&'a self, id: &'a str, state: AccountState) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let set = self.set_state(id, None, state).await;
            let set = set.map_err(|error| error.during("cannot set the user's state"))?;
            if set { Ok(()) } else { Err(UsersError::Unknown(shown(id))) }
        })
    }

    fn activate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let activated = async {
                let activated = self.set_state(id, Some(AccountState::Pending), AccountState::Active).await?;
                Ok(activated || self.find(id).await?.is_some())
            };
            let known = activated.await.map_err(|error: Failure| error.during("cannot activate the user"))?;
            if known { Ok(()) } else { Err(UsersError::Unknown(shown(id))) }
        })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>> {
        Box::pin(async move { self.delete(id).await.map_err(|error| error.during("cannot delete the user")) })
    }

    fn import<'a>(&'a self, accounts: &'a [Account]) -> BoxFuture<'a, Result<Vec<ImportOutcome>, StoreError>> {
        Box::pin(async move {
            let outcomes = async { import(self.ready().await?, accounts).await };
            outcomes.await.map_err(|error| error.during("cannot import users"))
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Account>, StoreError>> {
        Box::pin(async move { self.list(after, limit).await.map_err(|error| error.during("cannot list the users")) })
    }
}

/// The condition on elements of `identities` under which a user must not be given this identity: the same person or,
/// if a user can have only one identity of this type, any of that type.
fn rival(identity: &Identity) -> Document {
    if identity.is_single() {
        doc! { "$elemMatch": { "provider_type": identity.provider_type.name() } }
    } else {
        element(identity)
    }
}

/// An identity, as messages show it.
struct IdentityOf {
    provider_type: ProviderType,
    id: String,
}

impl From<&Identity> for IdentityOf {
    fn from(identity: &Identity) -> Self {
        Self { provider_type: identity.provider_type, id: shown(&identity.id) }
    }
}

/// Waits before each further attempt, a little longer every time.
pub(super) async fn pause_before(attempt: u32) {
    if attempt > 0 {
        sleep(Duration::from_millis(5).saturating_mul(attempt)).await;
    }
}

pub(super) fn contended() -> Failure {
    Failure::new(format!("others changed the same users {ATTEMPTS} times meanwhile; try again"))
}
