use bson::Document;

use super::{DocumentsError, Namespace};
use crate::future::BoxFuture;

/// A database that reports its changes as unredacted MongoDB change events, for readers that may see everything:
/// triggers. For what a user may see of a change, see [`Watch`](super::Watch).
pub trait ChangeFeed: Send + Sync {
    /// The changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if the changes after the position are no longer known.
    fn feed<'s: 'a, 'a>(
        &'s self,
        request: &'a FeedRequest,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeEvents + 's>, DocumentsError>>;
}

/// Which changes are reported, and which parts of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRequest {
    /// Where they happen.
    pub scope: FeedScope,
    /// Stages applied to each event, such as `$match` and `$project`. They must leave `_id` as it is.
    pub pipeline: Vec<Document>,
    /// Whether update events have the current document, or null if it is gone, as `fullDocument`. Inserts and
    /// replacements always have it, deletions never.
    pub full_document: bool,
    /// Whether events have the previous document, or null if the database no longer knows it, as
    /// `fullDocumentBeforeChange`. Inserts never have it.
    pub full_document_before_change: bool,
    /// Whether events about collections, indexes and shards, such as `create`, are included; those about their end
    /// always are.
    pub expanded: bool,
    /// The position after which to start; `None` to start now.
    pub after: Option<Document>,
}

/// What is observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedScope {
    /// One collection.
    Collection(Namespace),
    /// All collections of a database.
    Database(String),
    /// All databases except MongoDB's own.
    Deployment,
}

/// A stream of change events.
pub trait ChangeEvents: Send {
    /// The next event; `None` if there is none within about a second. After an error, or the event `invalidate`, there
    /// are no more. Dropping the future loses nothing: a new stream can start at [`position`](Self::position).
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>>;

    /// Where to resume: after the last event that [`next`](Self::next) returned, and any events skipped since. `None`
    /// if nothing is known yet.
    fn position(&self) -> Option<Document>;
}
