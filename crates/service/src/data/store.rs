use std::sync::Arc;
use std::time::Duration;

use portcullis::store::documents::{DocumentStore, DocumentsError, Transaction};
use portcullis_store::EmbeddedDocuments;
#[cfg(feature = "mongodb")]
use portcullis_store::mongodb::MongoTransaction;

use crate::server::Server;

/// The document store of served applications: a file or a MongoDB server.
#[derive(Clone)]
pub struct DataStore {
    documents: Arc<dyn DocumentStore>,
    pub(super) kind: Kind,
}

/// The concrete store, for operations that the traits do not offer.
#[derive(Clone)]
pub(super) enum Kind {
    Embedded(EmbeddedDocuments),
    Server(Server),
}

impl From<EmbeddedDocuments> for DataStore {
    fn from(documents: EmbeddedDocuments) -> Self {
        Self { documents: Arc::new(documents.clone()), kind: Kind::Embedded(documents) }
    }
}

impl DataStore {
    /// The documents on a server.
    #[must_use]
    #[cfg_attr(not(feature = "mongodb"), expect(unreachable_code, reason = "without the feature there is no server"))]
    pub fn of_server(server: &Server) -> Self {
        Self { documents: Arc::from(server.documents()), kind: Kind::Server(server.clone()) }
    }
}

impl DataStore {
    /// The documents, without rules.
    #[must_use]
    pub fn documents(&self) -> &Arc<dyn DocumentStore> {
        &self.documents
    }

    /// Whether an open transaction blocks all other writers from its first read or write on.
    pub(super) const fn is_exclusive(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    /// How long a transaction may stay open.
    pub(super) const fn transaction_time(&self) -> Duration {
        if self.is_exclusive() { Duration::from_secs(10) } else { Duration::from_secs(60) }
    }

    /// Begins a transaction that can be kept open across several actions.
    pub(super) async fn begin(&self) -> Result<OpenTransaction, DocumentsError> {
        match &self.kind {
            Kind::Embedded(documents) => Ok(OpenTransaction::Embedded(documents.transaction())),
            #[cfg(feature = "mongodb")]
            Kind::Server(server) => Ok(OpenTransaction::Server(Box::new(server.commands().begin().await?))),
            #[cfg(not(feature = "mongodb"))]
            Kind::Server(server) => match *server {},
        }
    }

    /// The names of the databases.
    pub(super) async fn database_names(&self) -> Result<Vec<String>, DocumentsError> {
        match &self.kind {
            Kind::Embedded(documents) => documents.database_names(),
            #[cfg(feature = "mongodb")]
            Kind::Server(server) => server.commands().database_names().await,
            #[cfg(not(feature = "mongodb"))]
            Kind::Server(server) => match *server {},
        }
    }

    /// The names of the collections of a database.
    pub(super) async fn collection_names(&self, database: &str) -> Result<Vec<String>, DocumentsError> {
        match &self.kind {
            Kind::Embedded(documents) => documents.collection_names(database),
            #[cfg(feature = "mongodb")]
            Kind::Server(server) => server.commands().collection_names(database).await,
            #[cfg(not(feature = "mongodb"))]
            Kind::Server(server) => match *server {},
        }
    }
}

/// An open transaction. It is aborted on drop.
pub(super) enum OpenTransaction {
    Embedded(Box<dyn Transaction>),
    #[cfg(feature = "mongodb")]
    Server(Box<MongoTransaction>),
}

impl OpenTransaction {
    /// The transaction, for reads and writes.
    pub(super) fn as_transaction(&mut self) -> &mut dyn Transaction {
        match self {
            Self::Embedded(transaction) => &mut **transaction,
            #[cfg(feature = "mongodb")]
            Self::Server(transaction) => &mut **transaction,
        }
    }

    pub(super) async fn commit(self) -> Result<(), DocumentsError> {
        match self {
            Self::Embedded(transaction) => transaction.commit().await,
            #[cfg(feature = "mongodb")]
            Self::Server(transaction) => transaction.commit().await,
        }
    }

    pub(super) async fn abort(self) {
        match self {
            Self::Embedded(transaction) => transaction.abort().await,
            #[cfg(feature = "mongodb")]
            Self::Server(transaction) => transaction.abort().await,
        }
    }
}
