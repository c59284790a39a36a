use std::collections::HashMap;

use crate::record::{Record, key};
use ::mongodb::Database;
use bson::{DateTime, Document, RawDocument, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::managed_collection::{ManagedCollection, index};
use portcullis::BoxFuture;
use portcullis::store::{Session, Sessions, StoreError};
use portcullis::value::DocumentRef;

/// The sessions of one application, in the collection `sessions` of Portcullis's own database, which other
/// applications may share, with indexes by user and by expiry that are created on first use. Once
/// [`end`](Sessions::end) or [`end_all`](Sessions::end_all) returns, the sessions are over for every process.
#[derive(Debug)]
pub struct MongoSessions {
    sessions: ManagedCollection,
    application: String,
}

impl MongoSessions {
    /// The name of the collection. A server that exposes the same database through rules must not open it.
    pub const COLLECTION: &str = "sessions";

    /// The sessions of the application with this ID. Nothing is read or created yet.
    #[must_use]
    pub fn new(database: &Database, application: impl Into<String>) -> Self {
        Self { sessions: Self::collection(database), application: application.into() }
    }

    pub(super) fn collection(database: &Database) -> ManagedCollection {
        ManagedCollection::new(database, Self::COLLECTION, || {
            vec![
                index("user", doc! { "_id.application": 1, "user_id": 1 }),
                index("expiry", doc! { "_id.application": 1, "expires_at": 1 }),
            ]
        })
    }

    async fn start(&self, session: &Session) -> Result<(), Failure> {
        let sessions = self.sessions.ready().await?.clone_with_type::<Document>();
        patiently(async { sessions.insert_one(session.to_record(&self.application)).await }).await?;
        Ok(())
    }

    async fn find(&self, id: &str) -> Result<Option<Session>, Failure> {
        let sessions = self.sessions.ready().await?;
        let found = patiently(async { sessions.find_one(self.by_id(id)).max_time(SERVER_TIME).await });
        found.await?.map(|session| self.read(&session)).transpose()
    }

    async fn find_all(&self, ids: &[&str]) -> Result<Vec<Option<Session>>, Failure> {
        let sessions = self.sessions.ready().await?;
        let keys: Vec<Document> = ids.iter().map(|id| key(&self.application, id)).collect();
        let found = async {
            let mut cursor = sessions.find(doc! { "_id": { "$in": keys } }).max_time(SERVER_TIME).await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(cursor.current().to_owned());
            }
            Ok(found)
        };
        let found = patiently(found).await?;
        let found = found.iter().map(|raw| self.read(raw).map(|session| (session.id.clone(), session)));
        let found = found.collect::<Result<HashMap<_, _>, _>>()?;
        Ok(ids.iter().map(|id| found.get(*id).cloned()).collect())
    }

    fn by_id(&self, id: &str) -> Document {
        doc! { "_id": key(&self.application, id) }
    }

    fn read(&self, raw: &RawDocument) -> Result<Session, Failure> {
        Ok(Session::from_record(DocumentRef::Raw(raw).to_document()?, &self.application)?)
    }

    async fn delete(&self, filter: Document) -> Result<u64, Failure> {
        let sessions = self.sessions.ready().await?;
        Ok(patiently(async { sessions.delete_many(filter).await }).await?.deleted_count)
    }
}

impl Sessions for MongoSessions {
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.start(session).await.map_err(|error| error.during("cannot begin the session")) })
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(async move { self.find(id).await.map_err(|error| error.during("cannot read the session")) })
    }

    fn find_all<'a>(&'a self, ids: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<Session>>, StoreError>> {
        Box::pin(async move { self.find_all(ids).await.map_err(|error| error.during("cannot read the sessions")) })
    }

    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let ended = self.delete(self.by_id(id)).await;
            Ok(ended.map_err(|error| error.during("cannot end the session"))? > 0)
        })
    }

    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let ended = self.delete(doc! { "_id.application": &self.application, "user_id": user_id }).await;
            ended.map_err(|error| error.during("cannot end the user's sessions"))
        })
    }

    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let opened = doc! { "_id.application": &self.application, "user_id": user_id, "key_id": key_id };
            let ended = self.delete(opened).await;
            ended.map_err(|error| error.during("cannot end the sessions of the API key"))
        })
    }

    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let expired = doc! { "_id.application": &self.application, "expires_at": { "$lt": expired_before } };
            let purged = self.delete(expired).await;
            purged.map_err(|error| error.during("cannot delete expired sessions"))
        })
    }
}
