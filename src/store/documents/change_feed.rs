use bson::Document;

use super::{DocumentsError, Namespace};
use crate::future::BoxFuture;

/// A database that tells what changes in it as change events of MongoDB, whole and to whoever may see everything: triggers.
/// What a user may know of a change is told by [`Watch`](super::Watch).
pub trait ChangeFeed: Send + Sync {
    /// What changes from now on, or after a position.
    ///
    /// # Errors
    /// [`DocumentsError::HistoryLost`] if what happened after the position is not known any more.
    fn feed<'s: 'a, 'a>(
        &'s self,
        request: &'a FeedRequest,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeEvents + 's>, DocumentsError>>;
}

/// Which changes are told, and what of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRequest {
    /// Where they happen.
    pub scope: FeedScope,
    /// Stages that each event goes through, such as `$match` and `$project`. `_id` must stay as it is.
    pub pipeline: Vec<Document>,
    /// Whether the event of an update has the document as it is now, or null if there is none, as `fullDocument`. Those of
    /// inserts and replacements always have it, those of deletions never.
    pub full_document: bool,
    /// Whether the event has the document as it was, or null if the database does not know any more, as
    /// `fullDocumentBeforeChange`. Those of inserts never have it.
    pub full_document_before_change: bool,
    /// Whether there are events of collections, indexes and shards too, such as `create`, beside those of their end.
    pub expanded: bool,
    /// After which position to go on; `None` from now on.
    pub after: Option<Document>,
}

/// Where changes are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedScope {
    /// In one collection.
    Collection(Namespace),
    /// In all collections of a database.
    Database(String),
    /// In all databases but those that MongoDB keeps for itself.
    Deployment,
}

/// Change events on their way.
pub trait ChangeEvents: Send {
    /// The next of them; `None` if there is none within about a second. After an error, or the event `invalidate`, there are
    /// no more. A call that is abandoned loses nothing for whoever goes on by [`position`](Self::position).
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>>;

    /// Where to go on later: after the event that [`next`](Self::next) gave last, and whatever was passed over since. `None` where
    /// nothing is known yet.
    fn position(&self) -> Option<Document>;
}
