use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use crate::store::documents::UpdateDescription;

/// An item of a change stream.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// Nothing that the user may know of; ask again.
    Nothing,
    /// A document changed.
    Change(Box<ChangeEvent>),
    /// There is no more: the time is over, the stream was ended, or the collection is gone.
    Ended,
}

/// A change that the user may know of.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    /// What changed.
    pub change: VisibleChange,
    /// When, to the second; the increment is always 1, since the database counts hidden changes too.
    pub time: Timestamp,
    /// Where to go on after it. It tells of what the user may not read: keep it here, and give the user a name for it that
    /// tells nothing.
    pub position: Document,
}

/// A change of a document, as far as the user may read it.
#[derive(Clone, Debug, PartialEq)]
pub enum VisibleChange {
    /// A document is there, which the user did not see before.
    Inserted(RawDocumentBuf),
    /// A document is another.
    Updated {
        /// What is visible of it now.
        document: RawDocumentBuf,
        /// What is different in what is visible.
        description: UpdateDescription,
    },
    /// Another document was put in the place of a document, and what is visible of it is different.
    Replaced(RawDocumentBuf),
    /// A document is gone, from the user's sight at least.
    Deleted {
        /// Its `_id`, if that was visible.
        id: Option<Bson>,
    },
}
