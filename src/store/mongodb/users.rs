use std::time::Duration;

use ::mongodb::options::{Hint, ReturnDocument};
use ::mongodb::{Collection, Database};
use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc};
use tokio::time::sleep;

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::import::import;
use super::ours::{Ours, unique_index};
use crate::auth::{BoxFuture, ProviderType};
use crate::store::users::shown;
use crate::store::{Account, AccountState, Identity, ImportOutcome, StoreError, Users, UsersError};
use crate::value::DocumentRef;

/// Users in the collection `users` of a database of ours.
///
/// A unique index over the identities, made on first use, keeps two users from having one, whatever number of processes
/// write at once. Dropping the collection while a process uses it drops the index too: restart the process then.
/// A stored user that someone has edited so that it does not read back is a [`StoreError`] that names it.
#[derive(Debug)]
pub struct MongoUsers {
    users: Ours,
}

/// How often something is tried that others, writing at the same moment, can make impossible.
pub(super) const ATTEMPTS: u32 = 12;

impl MongoUsers {
    /// The name of the collection.
    pub const COLLECTION: &str = "users";

    /// The users in a database; nothing is read or made yet.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let indexes = || vec![unique_index("identity", doc! { "identities.provider_type": 1, "identities.id": 1 })];
        Self { users: Ours::new(database, Self::COLLECTION, indexes) }
    }

    async fn find_or_create(&self, identity: &Identity, now: DateTime) -> Result<Account, Failure> {
        let users = self.users.ready().await?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            if let Some(account) = log_in(users, identity, now).await? {
                return Ok(account);
            }
            let account = Account::new(ObjectId::new().to_hex(), identity.clone(), now);
            match insert(users, &account).await {
                Ok(()) => return Ok(account),
                // The user is disabled, or another login has just made it.
                Err(error) if error.is_duplicate_key() => {}
                Err(error) => return Err(error),
            }
            let known = find_one(users, doc! { "identities": element(identity) }).await?;
            if let Some(account) = known.filter(|account| account.state.is_disabled()) {
                return Ok(account);
            }
        }
        Err(contended())
    }

    async fn find(&self, id: &str) -> Result<Option<Account>, Failure> {
        find_one(self.users.ready().await?, doc! { "_id": id }).await
    }

    async fn link(&self, id: &str, identity: &Identity) -> Result<Result<Account, UsersError>, Failure> {
        let users = self.users.ready().await?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let replace = doc! { "$set": { "identities.$.data": &identity.data } };
            let replaced = update(users, doc! { "_id": id, "identities": element(identity) }, replace).await?;
            if let Some(account) = replaced {
                return Ok(Ok(account));
            }
            let lacking = doc! { "_id": id, "identities": { "$not": element(identity) } };
            match update(users, lacking, doc! { "$push": { "identities": identity.to_document() } }).await {
                Ok(Some(account)) => return Ok(Ok(account)),
                Ok(None) if find_one(users, doc! { "_id": id }).await?.is_none() => {
                    return Ok(Err(UsersError::Unknown(shown(id))));
                }
                // Linked at the same moment.
                Ok(None) => {}
                Err(error) if error.is_duplicate_key() => {
                    let IdentityOf { provider_type, id } = identity.into();
                    return Ok(Err(UsersError::IdentityTaken { provider_type, id }));
                }
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Sets the state of the user that the filter picks; whether it picks one.
    async fn set_state(&self, filter: Document, state: AccountState) -> Result<bool, Failure> {
        let users = self.users.ready().await?;
        let set = doc! { "$set": { "state": state.name() } };
        Ok(patiently(async { users.update_one(filter, set).await }).await?.matched_count > 0)
    }

    async fn delete(&self, id: &str) -> Result<bool, Failure> {
        let users = self.users.ready().await?;
        Ok(patiently(async { users.delete_one(doc! { "_id": id }).await }).await?.deleted_count > 0)
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, Failure> {
        // To the server, 0 is no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let users = self.users.ready().await?;
        let by_id = doc! { "_id": 1 };
        let mut find = users
            .find(after.map_or_else(Document::new, |after| doc! { "_id": { "$ne": after } }))
            .sort(by_id.clone())
            .hint(Hint::Keys(by_id))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .max_time(SERVER_TIME);
        // A condition `$gt` would pass over ids that are no strings, which are an error.
        if let Some(after) = after {
            find = find.min(doc! { "_id": after });
        }
        let mut cursor = patiently(async { find.await }).await?;
        let mut accounts = Vec::new();
        while patiently(cursor.advance()).await? {
            accounts.push(read(cursor.current())?);
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
            self.find_or_create(identity, now).await.map_err(|error| error.during("cannot find or make the user"))
        })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Account>, StoreError>> {
        Box::pin(async move { self.find(id).await.map_err(|error| error.during("cannot read the user")) })
    }

    fn link<'a>(&'a self, id: &'a str, identity: &'a Identity) -> BoxFuture<'a, Result<Account, UsersError>> {
        Box::pin(
            async move { self.link(id, identity).await.map_err(|error| error.during("cannot link the identity"))? },
        )
    }

    fn set_state<'a>(&'a self, id: &'a str, state: AccountState) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let set = self.set_state(doc! { "_id": id }, state).await;
            let set = set.map_err(|error| error.during("cannot set the user's state"))?;
            if set { Ok(()) } else { Err(UsersError::Unknown(shown(id))) }
        })
    }

    fn activate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let activated = async {
                let pending = doc! { "_id": id, "state": AccountState::Pending.name() };
                Ok(self.set_state(pending, AccountState::Active).await? || self.find(id).await?.is_some())
            };
            let known = activated.await.map_err(|error: Failure| error.during("cannot activate the user"))?;
            if known { Ok(()) } else { Err(UsersError::Unknown(shown(id))) }
        })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { self.delete(id).await.map_err(|error| error.during("cannot delete the user")) })
    }

    fn import<'a>(&'a self, accounts: &'a [Account]) -> BoxFuture<'a, Result<Vec<ImportOutcome>, StoreError>> {
        Box::pin(async move {
            let outcomes = async { import(self.users.ready().await?, accounts).await };
            outcomes.await.map_err(|error| error.during("cannot import users"))
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Account>, StoreError>> {
        Box::pin(async move { self.list(after, limit).await.map_err(|error| error.during("cannot list the users")) })
    }
}

/// What a message says of an identity.
struct IdentityOf {
    provider_type: ProviderType,
    id: String,
}

impl From<&Identity> for IdentityOf {
    fn from(identity: &Identity) -> Self {
        Self { provider_type: identity.provider_type, id: shown(&identity.id) }
    }
}

/// The element of `identities` that is this person at this provider.
pub(super) fn element(identity: &Identity) -> Document {
    doc! { "$elemMatch": { "provider_type": identity.provider_type.name(), "id": &identity.id } }
}

/// Waits a little longer before each further attempt.
pub(super) async fn pause_before(attempt: u32) {
    if attempt > 0 {
        sleep(Duration::from_millis(5).saturating_mul(attempt)).await;
    }
}

pub(super) fn contended() -> Failure {
    Failure::new(format!("others changed the same users {ATTEMPTS} times meanwhile; try again"))
}

async fn log_in(
    users: &Collection<RawDocumentBuf>,
    identity: &Identity,
    now: DateTime,
) -> Result<Option<Account>, Failure> {
    let disabled = [AccountState::Disabled.name(), AccountState::DisabledPending.name()];
    let filter = doc! { "identities": element(identity), "state": { "$nin": disabled } };
    let set = doc! { "$set": { "identities.$.data": &identity.data, "last_login_at": now } };
    update(users, filter, set).await
}

/// Reads a stored user.
pub(super) fn read(raw: &RawDocument) -> Result<Account, Failure> {
    Ok(Account::from_record(DocumentRef::Raw(raw).to_document()?)?)
}

/// Changes the user that the filter picks; the user as it is then.
async fn update(
    users: &Collection<RawDocumentBuf>,
    filter: Document,
    change: Document,
) -> Result<Option<Account>, Failure> {
    let changed = patiently(async {
        users.find_one_and_update(filter, change).return_document(ReturnDocument::After).max_time(SERVER_TIME).await
    });
    changed.await?.map(|account| read(&account)).transpose()
}

pub(super) async fn find_one(users: &Collection<RawDocumentBuf>, filter: Document) -> Result<Option<Account>, Failure> {
    let found = patiently(async { users.find_one(filter).max_time(SERVER_TIME).await });
    found.await?.map(|account| read(&account)).transpose()
}

async fn insert(users: &Collection<RawDocumentBuf>, account: &Account) -> Result<(), Failure> {
    if let Some(fault) = account.fault() {
        return Err(Failure::new(format!("the user `{}` {fault}", shown(&account.id))));
    }
    let users = users.clone_with_type::<Document>();
    patiently(async { users.insert_one(account.to_record()).await }).await?;
    Ok(())
}
