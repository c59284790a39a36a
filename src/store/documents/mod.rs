//! Documents of collections, without any rules: what a guard stands in front of.

mod change_feed;
mod error;
mod redaction;
mod request;
mod update_description;
mod watch;

pub use change_feed::{ChangeEvents, ChangeFeed, FeedRequest, FeedScope};
pub use error::DocumentsError;
pub use redaction::Redaction;
pub(crate) use redaction::is_plain;
pub use request::{Change, Find, Namespace, Returned, SingleWrite, SingleWritten, Updated};
pub use update_description::UpdateDescription;
pub use watch::{ChangeOperation, Event, Events, StoredChange, Watch, WatchScope, WatchStart};

use bson::{Bson, Document, RawDocumentBuf};

use crate::future::BoxFuture;

/// How large the documents may be together that a transaction finds by one query, in bytes: 64 MiB.
pub const MAX_FOUND_BYTES: usize = 64 << 20;

/// A database whose collections are accessed through guards. It applies no rules itself: direct access is unrestricted.
///
/// What an implementation does not support it refuses with [`DocumentsError::Unsupported`]; it never leaves a part of a
/// request out. Every command means the simple collation. Documents come in the natural order of the store where no other is
/// asked for.
pub trait DocumentStore: Send + Sync {
    /// The documents that a query finds. The cursor needs the store only, not what it was asked by.
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// What a pipeline makes of a collection.
    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>>;

    /// What a pipeline makes of documents that are in no collection: `database` is where the command runs.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] unless the store can do that.
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

    /// The stages after which a pipeline of this store sees nothing of a document but what a redaction leaves, whatever
    /// stages follow; `None` if the store has no such stages.
    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        Some(redaction.stages())
    }

    /// Writes one document without a transaction. It happens wholly or not at all, and what the query of the write finds is
    /// what is written: nothing that another writer does can come between.
    ///
    /// # Errors
    /// [`DocumentsError::Unsupported`] unless the store can do that; [`DocumentsError::OutcomeUnknown`] if no answer comes.
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

    /// Gives other writers time, before a transaction that failed for the moment is begun again, for the `attempt`th time.
    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        let _ = attempt;
        Box::pin(async {})
    }

    /// Begins a transaction: it sees one state of the database and its own writes, and either all of it happens or nothing.
    ///
    /// # Errors
    /// [`DocumentsError::NoTransactions`] where the database has none.
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>>;
}

/// Documents on their way, in batches.
pub trait Cursor: Send {
    /// The next of them, in order; empty when there are no more.
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>>;
}

/// Reads and writes that happen together or not at all. One that is dropped is aborted.
///
/// After an [error that passes](DocumentsError::is_transient) the whole transaction is to be done again from its
/// beginning; after any other error it can only be aborted.
pub trait Transaction: Send {
    /// All documents that a query finds, as the transaction sees them. Who asks bounds their number by [`Find::limit`].
    ///
    /// # Errors
    /// [`DocumentsError::TooLarge`] if they are larger together than [`MAX_FOUND_BYTES`].
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>>;

    /// Inserts a document; without `_id` it is given one. What is stored comes back by [`find`](Self::find).
    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>>;

    /// Changes the first document that `filter` finds; with `upsert` inserts one where it finds none.
    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>>;

    /// Deletes the document with this `_id`; whether there was one.
    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>>;

    /// Gives it up, and waits until the store knows.
    fn abort<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        drop(self);
        Box::pin(async {})
    }

    /// Makes all of it happen. An [unknown outcome](DocumentsError::is_outcome_unknown) is asked for again by the
    /// implementation for a while before it is an error.
    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a;
}
