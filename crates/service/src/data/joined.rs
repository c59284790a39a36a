//! A document store whose reads and writes all take part in a transaction that is already open. Transactions begun on
//! it join that one.

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf};
use portcullis::BoxFuture;
use portcullis::store::documents::{
    Change, Cursor, DocumentStore, DocumentsError, Find, Namespace, Redaction, Transaction, Updated,
};
use tokio::sync::Mutex;

use super::transactions::Joined;

/// The store as one action sees it.
pub(super) struct JoinedStore<'s> {
    store: &'s dyn DocumentStore,
    joined: Arc<Mutex<Joined>>,
}

impl<'s> JoinedStore<'s> {
    pub(super) fn new(store: &'s dyn DocumentStore, joined: Joined) -> Self {
        Self { store, joined: Arc::new(Mutex::new(joined)) }
    }

    async fn found(&self, namespace: &Namespace, find: &Find) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
        let mut joined = self.joined.lock().await;
        let found = joined.transaction()?.as_transaction().find(namespace, find).await;
        if found.is_err() {
            joined.break_off();
        }
        found
    }
}

/// A cursor over documents that have already been read.
struct InMemoryCursor(Vec<RawDocumentBuf>);

impl Cursor for InMemoryCursor {
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        let batch = std::mem::take(&mut self.0);
        Box::pin(async { Ok(batch) })
    }
}

impl DocumentStore for JoinedStore<'_> {
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move { Ok(Box::new(InMemoryCursor(self.found(namespace, find).await?)) as Box<dyn Cursor>) })
    }

    /// If the pipeline starts with `$match`, only the matching documents are read within the transaction. The remaining
    /// stages run on those.
    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move {
            let first = pipeline.first().and_then(|stage| stage.get_document("$match").ok());
            let rest = if first.is_some() { pipeline.get(1..).unwrap_or_default() } else { pipeline };
            let found = self.found(namespace, &Find::by(first.cloned().unwrap_or_default())).await?;
            // No supported stage produces documents from an empty input.
            if found.is_empty() {
                return Ok(Box::new(InMemoryCursor(found)) as Box<dyn Cursor>);
            }
            self.store.aggregate_documents(namespace.database(), found, rest).await
        })
    }

    fn aggregate_documents<'s: 'a, 'a>(
        &'s self,
        database: &'a str,
        documents: Vec<RawDocumentBuf>,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.store.aggregate_documents(database, documents, pipeline)
    }

    fn new_id(&self) -> ObjectId {
        self.store.new_id()
    }

    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        self.store.redaction(redaction)
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async move {
            let part = Part { joined: Arc::clone(&self.joined), has_written: false, is_whole: false };
            Ok(Box::new(part) as Box<dyn Transaction>)
        })
    }
}

/// A transaction nested in the open one. Unless it is committed, its writes cannot be undone separately, so the outer
/// one can only be aborted.
struct Part {
    joined: Arc<Mutex<Joined>>,
    has_written: bool,
    is_whole: bool,
}

impl Part {
    /// Performs an operation within the transaction. As in MongoDB, a failure ends the transaction.
    async fn within<T>(
        &self,
        work: impl for<'t> FnOnce(&'t mut dyn Transaction) -> BoxFuture<'t, Result<T, DocumentsError>>,
    ) -> Result<T, DocumentsError> {
        let mut joined = self.joined.lock().await;
        let done = work(joined.transaction()?.as_transaction()).await;
        if done.is_err() {
            joined.break_off();
        }
        // Callers repeat a whole transaction after a conflict. A nested one cannot be repeated by itself, since the
        // earlier writes of the outer one would be missing, so the error is one that they do not retry.
        done.map_err(|error| match error {
            DocumentsError::Conflict(message) => DocumentsError::Refused { code: Some(112), message },
            error => error,
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.has_written
            && !self.is_whole
            && let Ok(mut joined) = self.joined.try_lock()
        {
            joined.break_off();
        }
    }
}

impl Transaction for Part {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        let (namespace, find) = (namespace.clone(), find.clone());
        Box::pin(async move { self.within(|inner| Box::pin(async move { inner.find(&namespace, &find).await })).await })
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        self.has_written = true;
        let (namespace, document) = (namespace.clone(), document.clone());
        Box::pin(async move {
            self.within(|inner| Box::pin(async move { inner.insert(&namespace, &document).await })).await
        })
    }

    fn insert_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        documents: &'a [&'a Document],
    ) -> BoxFuture<'a, Result<Vec<Bson>, DocumentsError>> {
        self.has_written = true;
        let namespace = namespace.clone();
        let documents: Vec<Document> = documents.iter().map(|document| (*document).clone()).collect();
        Box::pin(async move {
            self.within(|inner| {
                Box::pin(async move { inner.insert_many(&namespace, &documents.iter().collect::<Vec<_>>()).await })
            })
            .await
        })
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        self.has_written = true;
        let (namespace, filter, change) = (namespace.clone(), filter.clone(), change.clone());
        Box::pin(async move {
            self.within(|inner| Box::pin(async move { inner.update(&namespace, &filter, &change, upsert).await })).await
        })
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        self.has_written = true;
        let (namespace, id) = (namespace.clone(), id.clone());
        Box::pin(async move { self.within(|inner| Box::pin(async move { inner.delete(&namespace, &id).await })).await })
    }

    fn delete_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        ids: &'a [Bson],
    ) -> BoxFuture<'a, Result<u64, DocumentsError>> {
        self.has_written = true;
        let (namespace, ids) = (namespace.clone(), ids.to_vec());
        Box::pin(async move {
            self.within(|inner| Box::pin(async move { inner.delete_many(&namespace, &ids).await })).await
        })
    }

    fn commit<'a>(mut self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        self.is_whole = true;
        Box::pin(async { Ok(()) })
    }
}
