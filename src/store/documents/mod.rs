//! Documents of collections, without any rules: what guards protect.

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

use bson::{Bson, Document, RawDocumentBuf};

use crate::future::BoxFuture;

/// The most bytes that one query of a transaction may find: 64 MiB.
pub const MAX_FOUND_BYTES: usize = 64 << 20;

/// A database whose collections are accessed through guards. It applies no rules itself: direct access is unrestricted.
///
/// An implementation rejects what it does not support with [`DocumentsError::Unsupported`]; it never ignores a part of
/// a request. Every command uses the simple collation. Without a sort, documents come in the natural order of the
/// store.
pub trait DocumentStore: Send + Sync {
    /// The documents that a query finds. The cursor borrows only the store, not the arguments.
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// The result of a pipeline on a collection.
    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// The result of a pipeline on documents that are in no collection; the command runs on `database`.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] unless the store supports this.
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

    /// The stages that redact a document for this store: later stages see only what they leave, whatever those stages
    /// are. `None` if the store has no such stages.
    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        Some(redaction.stages())
    }

    /// Writes one document without a transaction, atomically: no other writer can come between the query and the write.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] unless the store supports this; [`DocumentsError::OutcomeUnknown`] if there is
    /// no reply.
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

    /// Waits for other writers before a transaction that failed transiently is retried, for the `attempt`th time.
    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        let _ = attempt;
        Box::pin(async {})
    }

    /// Begins a transaction, which sees one snapshot of the database and its own writes, and is committed as a whole or
    /// not at all.
    ///
    /// # Errors
    /// [`DocumentsError::NoTransactions`] where the database has none.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>>;
}

/// A stream of documents, in batches.
pub trait Cursor: Send {
    /// The next batch, in order; empty at the end.
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>>;
}

/// Reads and writes that are committed together or not at all. Dropping a transaction aborts it.
///
/// After a [transient error](DocumentsError::is_transient) the whole transaction must be retried from its beginning;
/// after any other error it can only be aborted.
pub trait Transaction: Send {
    /// All documents that a query finds, as the transaction sees them. The caller bounds their number with
    /// [`Find::limit`].
    ///
    /// # Errors
    /// [`DocumentsError::TooLarge`] if they are larger together than [`MAX_FOUND_BYTES`].
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>>;

    /// Inserts a document, with a new `_id` if it has none. To see what is stored, use [`find`](Self::find).
    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>>;

    /// Changes the first document that `filter` finds; with `upsert`, inserts one if it finds none.
    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>>;

    /// Deletes the document with this `_id`. Returns whether there was one.
    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>>;

    /// Aborts the transaction and waits until the store has done so.
    fn abort<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        drop(self);
        Box::pin(async {})
    }

    /// Commits the transaction. The implementation retries an [unknown outcome](DocumentsError::is_outcome_unknown) for
    /// a while before it becomes an error.
    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a;
}
