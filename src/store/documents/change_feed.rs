use bson::Document;

use super::{DocumentsError, Namespace};
use crate::future::BoxFuture;

/// A database that reports changes as MongoDB change events without redaction, for triggers, which may see everything.
/// See [`Watch`](super::Watch) for changes as users may see them.
pub trait ChangeFeed: Send + Sync {
    /// Streams the changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the changes after the position are no longer available.
    fn feed<'s: 'a, 'a>(
        &'s self,
        request: &'a FeedRequest,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeEvents + 's>, DocumentsError>>;
}

/// Which changes to report, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRequest {
    /// The collections to watch.
    pub scope: FeedScope,
    /// Stages to apply to each event, such as `$match` and `$project`. They must not change `_id`.
    pub pipeline: Vec<Document>,
    /// Whether update events contain the current document as `fullDocument`, or null if it is gone. Inserts and
    /// replacements always contain it; deletes never do.
    pub full_document: bool,
    /// Whether events contain the previous document as `fullDocumentBeforeChange`, or null if it is not available.
    /// Inserts never contain it.
    pub full_document_before_change: bool,
    /// Whether to include events about collections, indexes and shards, such as `create`. Events that end a stream are
    /// always included.
    pub expanded: bool,
    /// The position to resume after; `None` to start now.
    pub after: Option<Document>,
}

/// The collections that a feed watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedScope {
    /// One collection.
    Collection(Namespace),
    /// All collections of a database.
    Database(String),
    /// All databases except MongoDB's internal ones.
    Deployment,
}

/// A stream of change events.
pub trait ChangeEvents: Send {
    /// The next event; `None` if none occurs within about a second. There are none after an error or the event
    /// `invalidate`. Dropping the future loses no event, since another stream can start at
    /// [`position`](Self::position).
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>>;

    /// The position to resume after: that of the last event returned by [`next`](Self::next), or of later events that
    /// were filtered out. `None` if there is none yet.
    fn position(&self) -> Option<Document>;
}
