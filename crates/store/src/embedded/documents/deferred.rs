use bson::{Bson, Document, RawDocumentBuf};

use super::store::EmbeddedDocuments;
use super::transaction::Writing;
use portcullis::BoxFuture;
use portcullis::store::documents::{Change, DocumentsError, Find, Namespace, Transaction, Updated};

/// A transaction that takes the writer lock at its first read or write, so that it blocks no other writers until then.
/// As with MongoDB, its snapshot dates from that operation.
pub(super) struct Deferred {
    store: EmbeddedDocuments,
    begun: Option<Writing>,
}

impl Deferred {
    pub(super) const fn new(store: EmbeddedDocuments) -> Self {
        Self { store, begun: None }
    }

    async fn begun(&mut self) -> Result<&mut Writing, DocumentsError> {
        match &mut self.begun {
            Some(writing) => Ok(writing),
            none => Ok(none.insert(self.store.write().await?)),
        }
    }
}

impl Transaction for Deferred {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async move { self.begun().await?.find(namespace, find).await })
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        Box::pin(async move { self.begun().await?.insert(namespace, document).await })
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        Box::pin(async move { self.begun().await?.update(namespace, filter, change, upsert).await })
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        Box::pin(async move { self.begun().await?.delete(namespace, id).await })
    }

    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            match self.begun {
                Some(writing) => Box::new(writing).commit().await,
                None => Ok(()),
            }
        })
    }
}
