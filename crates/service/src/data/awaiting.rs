//! A document store that refuses writes while a rule is waiting for the result of a function.

use std::sync::{Mutex, PoisonError};

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf};
use portcullis::BoxFuture;
use portcullis::eval::{Context, PendingCall};
use portcullis::store::documents::{
    Change, Cursor, DocumentStore, DocumentsError, Find, Namespace, Redaction, SingleWrite, SingleWritten, Transaction,
    Turn, Updated,
};

/// The store for one request, whose rules are evaluated in `context`. A rule that is waiting denies for the moment, so
/// the result of the request is provisional, and a write must not happen that would leave out what such a rule denied.
pub(super) struct Awaiting<'s> {
    store: &'s dyn DocumentStore,
    context: &'s Context,
    calls: Mutex<Vec<PendingCall>>,
}

impl<'s> Awaiting<'s> {
    pub(super) fn new(store: &'s dyn DocumentStore, context: &'s Context) -> Self {
        Self { store, context, calls: Mutex::default() }
    }

    /// Takes the list of calls that rules are waiting for.
    pub(super) fn calls(&self) -> Vec<PendingCall> {
        self.look();
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Collects pending calls from the context; returns whether there are any.
    fn look(&self) -> bool {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.extend(self.context.pending());
        !calls.is_empty()
    }

    /// Returns an error while a rule is waiting for a function.
    fn check(&self) -> Result<(), DocumentsError> {
        if self.look() {
            let message = "a function that a rule calls has not answered yet".to_owned();
            return Err(DocumentsError::Refused { code: None, message });
        }
        Ok(())
    }
}

impl DocumentStore for Awaiting<'_> {
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.store.find(namespace, find)
    }

    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.store.aggregate(namespace, pipeline)
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

    fn write_single<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        write: &'a SingleWrite,
    ) -> BoxFuture<'a, Result<SingleWritten, DocumentsError>> {
        Box::pin(async move {
            self.check()?;
            self.store.write_single(namespace, write).await
        })
    }

    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        self.store.pause(attempt)
    }

    fn turn<'a>(&'a self, namespace: &'a Namespace) -> BoxFuture<'a, Turn> {
        self.store.turn(namespace)
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async move {
            let transaction = self.store.begin().await?;
            Ok(Box::new(Checked { awaiting: self, transaction }) as Box<dyn Transaction>)
        })
    }
}

/// A transaction that refuses to commit while a rule is waiting for a function.
struct Checked<'s> {
    awaiting: &'s Awaiting<'s>,
    transaction: Box<dyn Transaction + 's>,
}

impl Transaction for Checked<'_> {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        self.transaction.find(namespace, find)
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        self.transaction.insert(namespace, document)
    }

    fn insert_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        documents: &'a [&'a Document],
    ) -> BoxFuture<'a, Result<Vec<Bson>, DocumentsError>> {
        self.transaction.insert_many(namespace, documents)
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        self.transaction.update(namespace, filter, change, upsert)
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        self.transaction.delete(namespace, id)
    }

    fn delete_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        ids: &'a [Bson],
    ) -> BoxFuture<'a, Result<u64, DocumentsError>> {
        self.transaction.delete_many(namespace, ids)
    }

    fn abort<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        self.transaction.abort()
    }

    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            if let Err(error) = self.awaiting.check() {
                self.transaction.abort().await;
                return Err(error);
            }
            self.transaction.commit().await
        })
    }
}
