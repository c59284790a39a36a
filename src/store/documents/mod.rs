//! Access to the documents of collections, without any rules. Guards build on this.

mod change_feed;
mod error;
mod redaction;
mod request;
mod update_description;
mod watch;

pub use error::DocumentsError;
pub use redaction::Redaction;
pub(crate) use redaction::is_plain;
pub use request::{Change, Find, Namespace, Returned, SingleWrite, SingleWritten, Updated};
pub use update_description::UpdateDescription;
pub use watch::{ChangeOperation, Event, Events, StoredChange, Watch, WatchScope, WatchStart};

#[cfg(not(feature = "unstable"))]
pub(crate) use change_feed::{ChangeEvents, ChangeFeed, FeedRequest, FeedScope};
#[cfg(feature = "unstable")]
pub use change_feed::{ChangeEvents, ChangeFeed, FeedRequest, FeedScope};

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf};

use crate::future::BoxFuture;

/// The maximum size in bytes of the documents that a query in a transaction may find: 64 MiB.
pub const MAX_FOUND_BYTES: usize = 64 << 20;

/// A database whose collections are meant to be accessed through guards. It does not apply rules itself, so direct
/// access is unrestricted.
///
/// An implementation must reject whatever it does not support with [`DocumentsError::Unsupported`], rather than ignore
/// part of a request. All commands use the simple collation. Unless sorted, documents are in natural order.
pub trait DocumentStore: Send + Sync {
    /// Finds documents. The cursor borrows the store, but not the arguments.
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// Runs a pipeline on a collection.
    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// Runs a pipeline on documents that are not stored in a collection, as a command on `database`.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] if the store cannot do this.
    fn aggregate_documents<'s: 'a, 'a>(
        &'s self,
        database: &'a str,
        documents: Vec<RawDocumentBuf>,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        let _ = (database, documents, pipeline);
        Box::pin(async {
            Err(DocumentsError::Unsupported {
                what: "a pipeline over given documents".to_owned(),
                store: "this store",
                help: None,
            })
        })
    }

    /// Pipeline stages that redact documents such that later stages, whatever they are, see only what remains. `None`
    /// if the store has no such stages.
    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        Some(redaction.stages())
    }

    /// Writes a single document atomically, without a transaction: no other write can come between the query and the
    /// write.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] if the store cannot do this; [`DocumentsError::OutcomeUnknown`] if the store
    /// does not reply.
    fn write_single<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        write: &'a SingleWrite,
    ) -> BoxFuture<'a, Result<SingleWritten, DocumentsError>> {
        let _ = (namespace, write);
        Box::pin(async {
            let what = "a write without a transaction".to_owned();
            Err(DocumentsError::Unsupported { what, store: "this store", help: None })
        })
    }

    /// Generates the `_id` for a document that is written without one.
    fn new_id(&self) -> ObjectId {
        ObjectId::new()
    }

    /// Pauses before the `attempt`th retry of a transaction that failed transiently, so that other writers can finish.
    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        let _ = attempt;
        Box::pin(async {})
    }

    /// Waits for the turn of a transaction that failed transiently, in a queue of all such transactions that write to
    /// the same collection. The holder of a turn may retry at once, until it drops the turn. After too long a wait, a
    /// turn is given even though another is still held.
    fn turn<'a>(&'a self, namespace: &'a Namespace) -> BoxFuture<'a, Turn> {
        let _ = namespace;
        Box::pin(async { Box::new(()) as Turn })
    }

    /// Starts a transaction. It sees a snapshot of the database and its own writes.
    ///
    /// # Errors
    /// [`DocumentsError::NoTransactions`] if the store does not support transactions.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>>;
}

/// A [turn](DocumentStore::turn), held until it is dropped.
pub type Turn = Box<dyn Send + Sync>;

/// A stream of documents, in batches.
pub trait Cursor: Send {
    /// The next batch, in order; empty at the end of the stream.
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>>;
}

/// Reads and writes that take effect together or not at all. Dropping a transaction aborts it.
///
/// After a [transient error](DocumentsError::is_transient), the transaction must be retried as a whole; after any other
/// error, it can only be aborted.
pub trait Transaction: Send {
    /// Finds documents, as visible to the transaction. Callers should limit their number with [`Find::limit`].
    ///
    /// # Errors
    /// [`DocumentsError::TooLarge`] if their total size exceeds [`MAX_FOUND_BYTES`].
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>>;

    /// Inserts a document, generating its `_id` if it has none, and returns the `_id`. Use [`find`](Self::find) to read
    /// the document as stored.
    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>>;

    /// Inserts documents in order and returns their `_id`s, which they must already contain.
    fn insert_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        documents: &'a [&'a Document],
    ) -> BoxFuture<'a, Result<Vec<Bson>, DocumentsError>> {
        Box::pin(async move {
            let mut ids = Vec::with_capacity(documents.len());
            for document in documents {
                ids.push(self.insert(namespace, document).await?);
            }
            Ok(ids)
        })
    }

    /// Updates the first document that matches `filter`. With `upsert`, inserts one if there is none.
    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>>;

    /// Deletes the document with this `_id`. Returns whether it existed.
    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>>;

    /// Deletes the documents with these `_id`s. Returns how many existed.
    fn delete_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        ids: &'a [Bson],
    ) -> BoxFuture<'a, Result<u64, DocumentsError>> {
        Box::pin(async move {
            let mut deleted: u64 = 0;
            for id in ids {
                deleted = deleted.saturating_add(self.delete(namespace, id).await?.into());
            }
            Ok(deleted)
        })
    }

    /// Aborts the transaction, and waits until that is done.
    fn abort<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        drop(self);
        Box::pin(async {})
    }

    /// Commits the transaction. If the outcome is [unknown](DocumentsError::is_outcome_unknown), the implementation
    /// retries for some time before it returns that error.
    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a;
}
