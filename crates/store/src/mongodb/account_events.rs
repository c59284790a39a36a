use std::time::Duration;

use ::mongodb::options::{Acknowledgment, ReadConcern, ReturnDocument, TransactionOptions, WriteConcern};
use ::mongodb::{ClientSession, Database};
use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocument, Timestamp, doc};
use tokio::sync::{Notify, OnceCell};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::managed_collection::{ManagedCollection, index};
use super::stored_users::StoredUsers;
use super::transaction::ACKNOWLEDGEMENT;
use super::users::{ATTEMPTS, contended, pause_before};
use super::{MongoSessions, MongoUsers};
use crate::record::{RecordError, id_of, key};
use crate::trigger_records::{event_from_record, event_to_record};
use portcullis::BoxFuture;
use portcullis::auth::ProviderType;
use portcullis::store::{
    Account, AccountEvent, AccountEvents, AccountState, Identity, Removed, StoreError, Telling, UsersError,
    WaitingEvent, shown,
};
use portcullis::value::DocumentRef;

/// The maximum delay until events of other processes are noticed.
const POLL: Duration = Duration::from_secs(2);

/// The account events of one application, in the collection `account_events` of Portcullis's own database, which
/// other applications may share. Each event is written in one transaction with its cause, a change of the user or the
/// session. A server that is not part of a replica set has no transactions; there, the event is written right after
/// its cause.
#[derive(Debug)]
pub struct MongoAccountEvents {
    database: Database,
    users: ManagedCollection,
    sessions: ManagedCollection,
    events: ManagedCollection,
    application: String,
    transactions: OnceCell<bool>,
    added: Notify,
}

/// A transaction or, on a server without transactions, individual writes.
enum Work {
    Transaction(Box<ClientSession>),
    Alone,
}

impl MongoAccountEvents {
    /// The name of the collection. A server that exposes the same database through rules must not open it.
    pub const COLLECTION: &str = "account_events";

    /// The account events of the application with this ID. Nothing is read or created yet.
    #[must_use]
    pub fn new(database: &Database, application: impl Into<String>) -> Self {
        let indexes = || vec![index("order", doc! { "_id.application": 1, "trigger": 1, "at": 1, "_id.id": 1 })];
        Self {
            database: database.clone(),
            users: MongoUsers::collection(database),
            sessions: MongoSessions::collection(database),
            events: ManagedCollection::new(database, Self::COLLECTION, indexes),
            application: application.into(),
            transactions: OnceCell::new(),
            added: Notify::new(),
        }
    }

    /// Begins a transaction if the server supports them.
    async fn begin(&self) -> Result<Work, Failure> {
        // Indexes cannot be created inside a transaction.
        self.users.ready().await?;
        self.sessions.ready().await?;
        self.events.ready().await?;
        let has_transactions = self.transactions.get_or_try_init(|| async {
            let hello = patiently(async { self.database.run_command(doc! { "hello": 1 }).await }).await?;
            Ok::<_, Failure>(hello.contains_key("setName") || hello.get_str("msg").ok() == Some("isdbgrid"))
        });
        if !*has_transactions.await? {
            return Ok(Work::Alone);
        }
        let mut session = patiently(async { self.database.client().start_session().await }).await?;
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::snapshot())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(ACKNOWLEDGEMENT).build())
            .max_commit_time(SERVER_TIME)
            .build();
        patiently(async { session.start_transaction().with_options(options).await }).await?;
        Ok(Work::Transaction(Box::new(session)))
    }

    async fn commit(&self, work: Work) -> Result<(), Failure> {
        let Work::Transaction(mut session) = work else { return Ok(()) };
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            match patiently(async { session.commit_transaction().await }).await {
                Ok(()) => return Ok(()),
                // Committing again is safe: if the transaction has been committed, this does nothing.
                Err(failure) if failure.is_commit_unknown() => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::new("unknown whether the transaction was committed"))
    }

    async fn append(&self, work: &mut Work, events: &[AccountEvent]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let records = events.iter().map(|event| {
            let mut record = doc! {
                "_id": key(&self.application, ObjectId::new().to_hex()),
                "trigger": &event.trigger,
                // The server replaces the zero timestamp with its current one, which is unique to this event.
                "at": Timestamp { time: 0, increment: 0 },
            };
            record.extend(event_to_record(event));
            record
        });
        let records: Vec<Document> = records.collect();
        let collection = self.events.ready().await?.clone_with_type::<Document>();
        // Inserted one by one, so that their timestamps are in the order given.
        for record in records {
            match work {
                Work::Transaction(session) => {
                    patiently(async { collection.insert_one(record).session(&mut **session).await }).await?;
                }
                Work::Alone => {
                    patiently(async { collection.insert_one(record).await }).await?;
                }
            }
        }
        Ok(())
    }

    /// Repeats the work while it conflicts with other writers.
    async fn retry<'w, T>(&self, work: impl Fn() -> BoxFuture<'w, Result<T, Failure>> + Send) -> Result<T, Failure> {
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            match work().await {
                Err(failure) if failure.is_transient() => {}
                done => {
                    self.added.notify_waiters();
                    return done;
                }
            }
        }
        Err(contended())
    }

    fn stored_users<'s>(&'s self, collection: &'s ::mongodb::Collection<bson::RawDocumentBuf>) -> StoredUsers<'s> {
        StoredUsers { collection, application: &self.application }
    }

    async fn activate_once(&self, id: &str, telling: Telling<'_>) -> Result<Option<Account>, Failure> {
        let mut work = self.begin().await?;
        let users = self.stored_users(self.users.ready().await?);
        let mut pending = users.by_id(id);
        pending.insert("state", AccountState::Pending.name());
        let update = doc! { "$set": { "state": AccountState::Active.name() } };
        let update = users.collection.find_one_and_update(pending, update);
        let update = update.return_document(ReturnDocument::After).max_time(SERVER_TIME);
        let found = match &mut work {
            Work::Transaction(session) => patiently(async { update.session(&mut **session).await }).await?,
            Work::Alone => patiently(async { update.await }).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let account = users.read(&found)?;
        self.append(&mut work, &telling(&account)).await?;
        self.commit(work).await?;
        Ok(Some(account))
    }

    async fn activate(&self, id: &str, telling: Telling<'_>) -> Result<bool, Failure> {
        if self.retry(|| Box::pin(self.activate_once(id, telling))).await?.is_some() {
            return Ok(true);
        }
        let users = self.stored_users(self.users.ready().await?);
        Ok(users.find_one(users.by_id(id)).await?.is_some())
    }

    async fn delete_once(&self, id: &str, telling: Telling<'_>) -> Result<Option<Vec<Identity>>, Failure> {
        let mut work = self.begin().await?;
        let users = self.stored_users(self.users.ready().await?);
        let delete = users.collection.find_one_and_delete(users.by_id(id)).max_time(SERVER_TIME);
        let found = match &mut work {
            Work::Transaction(session) => patiently(async { delete.session(&mut **session).await }).await?,
            Work::Alone => patiently(async { delete.await }).await?,
        };
        let Some(found) = found else { return Ok(None) };
        // A user that cannot be read is deleted all the same; there are no identities to report.
        let mut identities = Vec::new();
        if let Ok(account) = users.read(&found) {
            self.append(&mut work, &telling(&account)).await?;
            identities = account.identities;
        }
        self.commit(work).await?;
        Ok(Some(identities))
    }

    /// Removes an identity together with its user, if it is the user's only one.
    async fn remove_sole_once(&self, identity: &Identity, telling: Telling<'_>) -> Result<Option<Removed>, Failure> {
        let mut work = self.begin().await?;
        let users = self.stored_users(self.users.ready().await?);
        let mut sole = users.by_identity(identity);
        sole.insert("identities.1", doc! { "$exists": false });
        let delete = users.collection.find_one_and_delete(sole).max_time(SERVER_TIME);
        let found = match &mut work {
            Work::Transaction(session) => patiently(async { delete.session(&mut **session).await }).await?,
            Work::Alone => patiently(async { delete.await }).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let account = users.read(&found)?;
        self.append(&mut work, &telling(&account)).await?;
        self.commit(work).await?;
        Ok(Some(Removed::WithUser(account.id)))
    }

    async fn remove_identity(&self, identity: &Identity, telling: Telling<'_>) -> Result<Option<Removed>, Failure> {
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let removed = self.retry(|| Box::pin(self.remove_sole_once(identity, telling))).await?;
            if removed.is_some() {
                return Ok(removed);
            }
            let users = self.stored_users(self.users.ready().await?);
            if let Some(id) = users.pull_identity(identity).await? {
                return Ok(Some(Removed::FromUser(id)));
            }
            if users.find_one(users.by_identity(identity)).await?.is_none() {
                return Ok(None);
            }
        }
        Err(contended())
    }

    async fn logged_in_once(&self, session_id: &str, events: &[AccountEvent]) -> Result<bool, Failure> {
        let mut work = self.begin().await?;
        let sessions = self.sessions.ready().await?;
        // A write, so that this transaction conflicts with one that ends the session concurrently.
        let noted = doc! { "$set": { "noted": true } };
        let update = sessions.update_one(doc! { "_id": key(&self.application, session_id) }, noted);
        let found = match &mut work {
            Work::Transaction(session) => patiently(async { update.session(&mut **session).await }).await?,
            Work::Alone => patiently(async { update.await }).await?,
        };
        if found.matched_count == 0 {
            return Ok(false);
        }
        self.append(&mut work, events).await?;
        self.commit(work).await?;
        Ok(true)
    }

    fn of_trigger(&self, trigger: &str) -> Document {
        doc! { "_id.application": &self.application, "trigger": trigger }
    }

    async fn waiting(&self, trigger: &str, after: Option<&str>, limit: usize) -> Result<Vec<WaitingEvent>, Failure> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let events = self.events.ready().await?;
        let mut filter = self.of_trigger(trigger);
        if let Some((at, id)) = after.map(position).transpose()? {
            filter.insert("$or", vec![doc! { "at": { "$gt": at } }, doc! { "at": at, "_id.id": { "$gt": id } }]);
        }
        let find = events
            .find(filter)
            .sort(doc! { "at": 1, "_id.id": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .max_time(SERVER_TIME);
        let mut cursor = patiently(async { find.await }).await?;
        let mut waiting = Vec::new();
        while patiently(cursor.advance()).await? {
            waiting.push(self.read(cursor.current(), trigger)?);
        }
        Ok(waiting)
    }

    fn read(&self, raw: &RawDocument, trigger: &str) -> Result<WaitingEvent, Failure> {
        let mut record = DocumentRef::Raw(raw).to_document()?;
        let id = id_of(record.remove("_id"), &self.application).ok_or(RecordError::NoId("event"))?;
        let Some(Bson::Timestamp(at)) = record.remove("at") else {
            return Err(Failure::new("a stored event has no `at`"));
        };
        let event = event_from_record(record, trigger)?;
        Ok(WaitingEvent { id: format!("{:08x}{:08x}{id}", at.time, at.increment), event })
    }

    async fn remove(&self, trigger: &str, ids: &[String]) -> Result<u64, Failure> {
        let events = self.events.ready().await?;
        let keys = ids.iter().map(|id| Ok::<_, Failure>(key(&self.application, position(id)?.1)));
        let filter = doc! { "_id": { "$in": keys.collect::<Result<Vec<_>, _>>()? }, "trigger": trigger };
        Ok(patiently(async { events.delete_many(filter).await }).await?.deleted_count)
    }
}

/// Splits an event's public ID into its timestamp and the ID by which it is stored.
fn position(id: &str) -> Result<(Timestamp, String), Failure> {
    let hex = |range: std::ops::Range<usize>| id.get(range).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (hex(0..8), hex(8..16), id.get(16..)) {
        (Some(time), Some(increment), Some(id)) => Ok((Timestamp { time, increment }, id.to_owned())),
        _ => Err(Failure::new("this is not the ID of an event")),
    }
}

impl AccountEvents for MongoAccountEvents {
    fn activate<'a>(&'a self, id: &'a str, telling: Telling<'a>) -> BoxFuture<'a, Result<(), UsersError>> {
        Box::pin(async move {
            let activated = self.activate(id, telling).await;
            let known = activated.map_err(|error| error.during("cannot activate the user"))?;
            if known { Ok(()) } else { Err(UsersError::Unknown(shown(id))) }
        })
    }

    fn delete<'a>(
        &'a self,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Vec<Identity>>, StoreError>> {
        Box::pin(async move {
            let deleted = self.retry(|| Box::pin(self.delete_once(id, telling))).await;
            deleted.map_err(|error| error.during("cannot delete the user"))
        })
    }

    fn remove_identity<'a>(
        &'a self,
        provider_type: ProviderType,
        id: &'a str,
        telling: Telling<'a>,
    ) -> BoxFuture<'a, Result<Option<Removed>, StoreError>> {
        Box::pin(async move {
            let identity = Identity { provider_type, id: id.to_owned(), data: Document::new() };
            let removed = self.remove_identity(&identity, telling).await;
            removed.map_err(|error| error.during("cannot remove the identity"))
        })
    }

    fn logged_in<'a>(
        &'a self,
        session_id: &'a str,
        events: &'a [AccountEvent],
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let noted = self.retry(|| Box::pin(self.logged_in_once(session_id, events))).await;
            noted.map_err(|error| error.during("cannot note the login"))
        })
    }

    fn waiting<'a>(
        &'a self,
        trigger: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<WaitingEvent>, StoreError>> {
        Box::pin(async move {
            let waiting = self.waiting(trigger, after, limit).await;
            waiting.map_err(|error| error.during("cannot read the events of the trigger"))
        })
    }

    fn count<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let count = async {
                let events = self.events.ready().await?;
                let count = events.count_documents(self.of_trigger(trigger)).max_time(SERVER_TIME);
                patiently(async { count.await }).await
            };
            let count: Result<u64, Failure> = count.await;
            count.map_err(|error| error.during("cannot count the events of the trigger"))
        })
    }

    fn remove<'a>(&'a self, trigger: &'a str, ids: &'a [String]) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move { self.remove(trigger, ids).await.map_err(|error| error.during("cannot remove events")) })
    }

    fn forget<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let forget = async {
                let events = self.events.ready().await?;
                Ok(patiently(async { events.delete_many(self.of_trigger(trigger)).await }).await?.deleted_count)
            };
            let forgotten: Result<u64, Failure> = forget.await;
            forgotten.map_err(|error| error.during("cannot remove the events of the trigger"))
        })
    }

    fn added(&self) -> BoxFuture<'_, ()> {
        // The future is created here rather than on its first poll, so that events added from this moment on are
        // noticed.
        let added = self.added.notified();
        Box::pin(async move {
            let _ = tokio::time::timeout(POLL, added).await;
        })
    }
}
