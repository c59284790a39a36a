use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bson::Document;
use mongodb::Client;
use portcullis::auth::{CustomDataConfig, CustomDataSource};
use portcullis::login::CustomDataChanges;
use portcullis::path::FieldPath;
use portcullis::store::documents::{ChangeFeed, DocumentStore, Namespace, Watch};
use portcullis::store::{CustomDataStore, StoreError};
use portcullis::value::DocumentRef;
use portcullis_store::mongodb::{
    self as store, ImagesKept, MongoAccountEvents, MongoCommands, MongoCredentials, MongoCustomData, MongoDocuments,
    MongoSessions, MongoTriggers, MongoUsers,
};
use portcullis_store::{FindPlan, LiveFinding};

use crate::error::ServiceError;
use crate::places::AccountStores;

/// A connection to a MongoDB server.
#[derive(Clone)]
pub struct Server {
    client: Client,
    /// A separate client for change streams, so that these do not occupy the connections of requests.
    streams: Client,
    /// Shared, so that all watchers of a collection share a change stream.
    documents: MongoDocuments,
}

/// Shows nothing of the connection, whose options contain credentials.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub(crate) async fn connect(uri: &str) -> Result<Self, ServiceError> {
        let client = store::connect(uri).await?;
        let streams = store::connect_streams(uri).await?;
        Ok(Self { documents: MongoDocuments::new(&client).with_streams(&streams), client, streams })
    }

    /// Closes the connection at once, which ends open cursors.
    pub(crate) async fn shut_down(self) {
        self.streams.shutdown().immediate(true).await;
        self.client.shutdown().immediate(true).await;
    }

    pub(crate) fn account_stores(&self, database: &str, application: &str) -> AccountStores {
        let database = self.client.database(database);
        let users = Arc::new(MongoUsers::new(&database, application));
        AccountStores {
            users,
            sessions: Arc::new(MongoSessions::new(&database, application)),
            credentials: Arc::new(MongoCredentials::new(&database, application)),
            events: Arc::new(MongoAccountEvents::new(&database, application)),
            triggers: Arc::new(MongoTriggers::new(&database, application)),
        }
    }

    pub(crate) fn custom_data(&self, config: &CustomDataConfig) -> Option<Arc<dyn CustomDataStore>> {
        MongoCustomData::new(&self.client, config).map(|found| Arc::new(found) as Arc<dyn CustomDataStore>)
    }

    /// Spawns a task that reports changes in a collection of custom data until `changes` is dropped.
    pub(crate) fn watch_custom_data(&self, source: &CustomDataSource, changes: Weak<CustomDataChanges>) {
        tokio::spawn(crate::custom_data_watch::watch(self.streams.clone(), source.clone(), changes));
    }

    /// The documents in the server's databases.
    #[must_use]
    pub fn documents(&self) -> Box<dyn DocumentStore> {
        Box::new(self.documents.clone())
    }

    /// Commands without rules.
    pub(crate) fn commands(&self) -> MongoCommands {
        MongoCommands::new(&self.client)
    }

    /// The changes in all databases, which only replica sets report.
    #[must_use]
    pub fn changes(&self) -> Box<dyn Watch> {
        Box::new(self.documents.clone())
    }

    /// The changes as complete change events, for triggers.
    #[must_use]
    pub fn feed(&self) -> Box<dyn ChangeFeed> {
        Box::new(self.documents.clone())
    }

    /// Enables pre-images for a collection. Without them, updates and deletions can be reported only to users from whom
    /// nothing is hidden. Returns whether they were disabled before.
    ///
    /// # Errors
    /// The server fails, is too old, or does not permit it.
    pub async fn keep_images(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        Ok(self.documents.keep_images(namespace).await? != ImagesKept::Already)
    }

    /// The query plan of a filter.
    ///
    /// # Errors
    /// The server fails, or rejects the filter.
    pub async fn explain_find(&self, namespace: &Namespace, filter: &Document) -> Result<FindPlan, StoreError> {
        store::explain_find(&self.client, namespace.database(), namespace.collection(), filter).await
    }

    /// Checks that a collection of custom user data is fit for look-ups and has no ambiguous documents. Each query is
    /// limited to `limit`.
    ///
    /// # Errors
    /// The server fails.
    pub async fn check_custom_data(
        &self,
        source: &CustomDataSource,
        limit: Duration,
    ) -> Result<Vec<LiveFinding>, StoreError> {
        store::check_live(&self.client, source, limit).await
    }

    /// Passes every document of custom user data to `take`, reduced to `paths`. `begin` receives the approximate number
    /// of documents.
    ///
    /// # Errors
    /// The server fails. The inner result is the first error of `take`.
    pub async fn scan_custom_data<E>(
        &self,
        source: &CustomDataSource,
        paths: &[FieldPath],
        begin: &mut (dyn FnMut(u64) + Send),
        take: &mut (dyn FnMut(DocumentRef<'_>) -> Result<(), E> + Send),
    ) -> Result<Result<(), E>, StoreError> {
        store::scan_custom_data(&self.client, source, paths, begin, take).await
    }
}

/// Whether a collection in the database of users and sessions holds those.
pub(crate) fn holds_accounts(collection: &str) -> bool {
    [MongoUsers::COLLECTION, MongoSessions::COLLECTION, MongoTriggers::COLLECTION, MongoAccountEvents::COLLECTION]
        .contains(&collection)
        || MongoCredentials::COLLECTIONS.contains(&collection)
}
