use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bson::Document;
use mongodb::Client;
use portcullis::auth::{CustomDataConfig, CustomDataSource};
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
pub struct Server(Client);

/// Shows nothing of the connection, whose options hold credentials.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    pub(crate) async fn connect(uri: &str) -> Result<Self, ServiceError> {
        Ok(Self(store::connect(uri).await?))
    }

    /// Ends it at once; cursors that are open end with it.
    pub(crate) async fn shut_down(self) {
        self.0.shutdown().immediate(true).await;
    }

    pub(crate) fn account_stores(&self, database: &str, application: &str) -> AccountStores {
        let database = self.0.database(database);
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
        MongoCustomData::new(&self.0, config).map(|found| Arc::new(found) as Arc<dyn CustomDataStore>)
    }

    /// The documents of its databases.
    #[must_use]
    pub fn documents(&self) -> Box<dyn DocumentStore> {
        Box::new(MongoDocuments::new(&self.0))
    }

    /// Its commands, without any rules.
    pub(crate) fn commands(&self) -> MongoCommands {
        MongoCommands::new(&self.0)
    }

    /// What changes in its databases, if it is a replica set.
    #[must_use]
    pub fn changes(&self) -> Box<dyn Watch> {
        Box::new(MongoDocuments::new(&self.0))
    }

    /// The same as whole change events, for triggers.
    #[must_use]
    pub fn feed(&self) -> Box<dyn ChangeFeed> {
        Box::new(MongoDocuments::new(&self.0))
    }

    /// Makes it keep what the documents of a collection were, without which updates and deletions can be told only to those from
    /// whom nothing is hidden; whether it did not before.
    ///
    /// # Errors
    /// The server cannot be asked, is too old, or does not permit it.
    pub async fn keep_images(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        Ok(MongoDocuments::new(&self.0).keep_images(namespace).await? != ImagesKept::Already)
    }

    /// How it would find the documents of a filter.
    ///
    /// # Errors
    /// The server cannot be asked, or refuses the filter.
    pub async fn explain_find(&self, namespace: &Namespace, filter: &Document) -> Result<FindPlan, StoreError> {
        store::explain_find(&self.0, namespace.database(), namespace.collection(), filter).await
    }

    /// Whether a collection of custom user data serves look-ups and misleads nobody; each search ends after `limit`.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn check_custom_data(
        &self,
        source: &CustomDataSource,
        limit: Duration,
    ) -> Result<Vec<LiveFinding>, StoreError> {
        store::check_live(&self.0, source, limit).await
    }

    /// Gives every document of custom user data to `take`, reduced to `paths`; `begin` is told about how many there are.
    ///
    /// # Errors
    /// The server cannot be asked; inside, what `take` returns.
    pub async fn scan_custom_data<E>(
        &self,
        source: &CustomDataSource,
        paths: &[FieldPath],
        begin: &mut (dyn FnMut(u64) + Send),
        take: &mut (dyn FnMut(DocumentRef<'_>) -> Result<(), E> + Send),
    ) -> Result<Result<(), E>, StoreError> {
        store::scan_custom_data(&self.0, source, paths, begin, take).await
    }
}

/// Whether a collection of the database of users and sessions holds them.
pub(crate) fn holds_accounts(collection: &str) -> bool {
    [MongoUsers::COLLECTION, MongoSessions::COLLECTION, MongoTriggers::COLLECTION, MongoAccountEvents::COLLECTION]
        .contains(&collection)
        || MongoCredentials::COLLECTIONS.contains(&collection)
}
