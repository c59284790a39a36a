use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use super::{DocumentsError, Namespace, UpdateDescription};
use crate::future::BoxFuture;

/// A database that reports the changes of its collections.
///
/// The changes of a transaction are reported in order, all or none of them, and only after it has been committed.
pub trait Watch: Send + Sync {
    /// The changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the database no longer knows the changes after the position.
    fn watch<'s: 'a, 'a>(
        &'s self,
        scope: &'a WatchScope,
        from: WatchStart,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>>;
}

/// Which collections are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchScope {
    /// One.
    Collection(Namespace),
    /// All collections of a database.
    Database(String),
    /// All collections of all databases except the server's own.
    Everything,
}

/// Where a stream of changes starts.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchStart {
    /// With the next change.
    Now,
    /// After a position: that of a [change](StoredChange::position) or of a [stream](Events::position).
    After(Document),
}

/// A stream of changes.
pub trait Events: Send {
    /// The next change; `None` if there is none within about a second. After an error, or an [`Event::Ended`], there
    /// are no more.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the reader is so slow that unread changes were dropped.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>>;

    /// Where to resume: after the last event. It contains the `_id`s of documents, or reveals the number of changes, in
    /// a readable form, so it must not be sent to clients.
    fn position(&self) -> Option<Document>;
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A document changed.
    Change(Box<StoredChange>),
    /// The collection was dropped, renamed or replaced: there are no more events.
    Ended,
}

/// A change of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChange {
    /// Where the document is.
    pub namespace: Namespace,
    /// The kind of change.
    pub operation: ChangeOperation,
    /// The `_id` of the document.
    pub id: Bson,
    /// When it was made, by the database's clock.
    pub time: Timestamp,
    /// Where to resume after it, with [`WatchStart::After`].
    pub position: Document,
    /// The document before; `None` for an insert, or if the database no longer knows it.
    pub before: Option<RawDocumentBuf>,
    /// The document after; `None` for a deletion, or if the database no longer knows it.
    pub after: Option<RawDocumentBuf>,
    /// The description of an update, if the database provides one.
    pub description: Option<UpdateDescription>,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOperation {
    /// The document was inserted.
    Insert,
    /// It was updated by operators.
    Update,
    /// It was replaced.
    Replace,
    /// It was deleted.
    Delete,
}

impl ChangeOperation {
    /// MongoDB's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    /// The kind with this name in MongoDB.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Replace, Self::Delete].into_iter().find(|operation| operation.name() == name)
    }
}
