use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use super::{DocumentsError, Namespace, UpdateDescription};
use crate::future::BoxFuture;

/// A database that reports the changes of its collections.
///
/// The changes of a transaction are reported in order, all or none of them, and only after the commit.
pub trait Watch: Send + Sync {
    /// Streams the changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the changes after the position are no longer available.
    fn watch<'s: 'a, 'a>(
        &'s self,
        scope: &'a WatchScope,
        from: WatchStart,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>>;
}

/// The collections to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchScope {
    /// One collection.
    Collection(Namespace),
    /// All collections of a database.
    Database(String),
    /// All collections of all databases, except the server's internal ones.
    Everything,
}

/// Where a stream starts.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchStart {
    /// At the next change.
    Now,
    /// After the position of a [change](StoredChange::position) or a [stream](Events::position).
    After(Document),
}

/// A stream of changes.
pub trait Events: Send {
    /// The next event; `None` if none occurs within about a second. There are none after an error or [`Event::Ended`].
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the caller is so slow that changes were dropped.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>>;

    /// The position to resume after the last event. It reveals `_id`s of documents or the number of changes, so it must
    /// not be sent to clients.
    fn position(&self) -> Option<Document>;
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A document changed.
    Change(Box<StoredChange>),
    /// The collection was dropped, renamed or replaced, so there are no more events.
    Ended,
}

/// A change of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredChange {
    /// The collection of the document.
    pub namespace: Namespace,
    /// The kind of change.
    pub operation: ChangeOperation,
    /// The `_id` of the document.
    pub id: Bson,
    /// The time of the change, by the clock of the database.
    pub time: Timestamp,
    /// The position to resume after this change, for [`WatchStart::After`].
    pub position: Document,
    /// The document before the change; `None` for an insert, or if it is not available.
    pub before: Option<RawDocumentBuf>,
    /// The document after the change; `None` for a delete, or if it is not available.
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
