use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, DateTime, Document, doc};
use portcullis::app::Secrets;
use portcullis::{App, Clock, User};
use portcullis_functions::{ActionName, BackendError, DataAction, Options, Rights};
use portcullis_store::EmbeddedDocuments;

use super::{Functions, Known};
use crate::data::{Data, Reserved};
use crate::error::ServiceError;

/// The functions of an application on an in-memory store, for tests of functions. All writes are lost when it is
/// dropped.
pub struct Trial {
    functions: Arc<Functions>,
    /// The data source through which the documents are written and read.
    service: String,
}

/// A clock that is frozen at this time.
struct Still(DateTime);

impl Clock for Still {
    fn now(&self) -> DateTime {
        self.0
    }
}

/// The users and documents that exist when a trial begins.
#[derive(Clone, Debug, Default)]
pub struct TrialContent {
    /// The users that functions may run as.
    pub users: Vec<User>,
    /// The documents by namespace, in insertion order.
    pub documents: BTreeMap<String, Vec<Document>>,
}

impl Trial {
    /// Loads the content and the functions.
    ///
    /// # Errors
    /// The store cannot be created, or rejects a document.
    pub async fn open(
        app: Arc<App>,
        secrets: Secrets,
        content: TrialContent,
        options: Options,
    ) -> Result<Self, ServiceError> {
        let service = app.data_sources.first().map_or_else(|| "mongodb-atlas".to_owned(), |source| source.name.clone());
        let mut documents = EmbeddedDocuments::in_memory()?;
        if let Some(now) = options.now {
            documents = documents.with_clock(Arc::new(Still(now)));
        }
        let data = Arc::new(Data::new(app, secrets, documents.into(), Reserved::default()));
        let functions = Functions::new(&data, Known::Given(content.users), options, None);
        let trial = Self { functions, service };
        for (namespace, documents) in content.documents {
            if documents.is_empty() {
                continue;
            }
            let documents: Vec<Bson> = documents.into_iter().map(Bson::Document).collect();
            let arguments = doc! { "documents": documents, "ordered": true };
            trial.act(&namespace, ActionName::InsertMany, arguments).await?;
        }
        Ok(trial)
    }

    /// The functions.
    #[must_use]
    pub const fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    /// The documents of a collection, sorted by `_id`.
    ///
    /// # Errors
    /// The namespace is invalid, or the documents cannot be read.
    pub async fn documents(&self, namespace: &str) -> Result<Vec<Document>, ServiceError> {
        let arguments = doc! { "filter": {}, "sort": { "_id": 1 }, "limit": portcullis_functions::MAX_DOCUMENTS };
        let found = self.act(namespace, ActionName::Find, arguments).await?;
        let Bson::Array(found) = found else { return Ok(Vec::new()) };
        Ok(found
            .into_iter()
            .filter_map(|document| match document {
                Bson::Document(document) => Some(document),
                _ => None,
            })
            .collect())
    }

    async fn act(&self, namespace: &str, name: ActionName, arguments: Document) -> Result<Bson, ServiceError> {
        let (database, collection) = namespace.split_once('.').unwrap_or((namespace, ""));
        let action = DataAction {
            rights: Rights::System,
            service: self.service.clone(),
            database: database.to_owned(),
            collection: Some(collection.to_owned()),
            name,
            arguments,
            transaction: None,
            request: None,
            by_rule: false,
        };
        let failed =
            |error: BackendError| ServiceError::Trial { namespace: namespace.to_owned(), reason: error.message };
        self.functions.backend().data(action).await.map_err(failed)
    }
}
