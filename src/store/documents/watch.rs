use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use super::{DocumentsError, Namespace, UpdateDescription};
use crate::future::BoxFuture;

/// A database that tells what changes in its collections.
///
/// What one transaction changed is told in the order in which it did so, all of it or nothing; nothing is told before it is
/// committed.
pub trait Watch: Send + Sync {
    /// What changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the database no longer knows what followed the position.
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
    /// All of a database.
    Database(String),
    /// All of all databases but the server's own.
    Everything,
}

/// Where a stream of changes begins.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchStart {
    /// With what changes next.
    Now,
    /// After a position: that of a [change](StoredChange::position) or of a [stream](Events::position).
    After(Document),
}

/// Changes on their way.
pub trait Events: Send {
    /// The next of them; `None` if nothing changed for about a second. After an error, or an [`Event::Ended`], there are no more.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the reader is so slow that changes which it has not seen are forgotten.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>>;

    /// Where to go on later: after the last event. It holds the `_id`s of documents, or tells how many changes there are, in
    /// a form that is easily read, so that it is not for clients.
    fn position(&self) -> Option<Document>;
}

/// Something that happened to what is watched.
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
    /// What was done.
    pub operation: ChangeOperation,
    /// The `_id` of the document.
    pub id: Bson,
    /// When it was done, as the database counts.
    pub time: Timestamp,
    /// Where to go on after it, with [`WatchStart::After`].
    pub position: Document,
    /// What the document was; `None` if it is inserted, or the database does not know any more.
    pub before: Option<RawDocumentBuf>,
    /// What the document became; `None` if it is deleted, or the database does not know any more.
    pub after: Option<RawDocumentBuf>,
    /// What an update did, if the database tells that itself.
    pub description: Option<UpdateDescription>,
}

/// What was done to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOperation {
    /// It is new.
    Insert,
    /// It was changed by operators.
    Update,
    /// Another was put in its place.
    Replace,
    /// It is gone.
    Delete,
}

impl ChangeOperation {
    /// MongoDB's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }

    /// What a word of MongoDB's means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Replace, Self::Delete].into_iter().find(|operation| operation.name() == name)
    }
}
