use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use crate::store::documents::UpdateDescription;

/// An item of a guarded change stream.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// No change, or none that the user may learn of; call [`Watched::next`](super::Watched::next) again.
    Nothing,
    /// A document has changed.
    Change(Box<ChangeEvent>),
    /// The stream has ended: its deadline has passed, the host ended it, or the collection was dropped.
    Ended,
}

/// A change, as far as the user may learn of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    /// The change.
    pub change: VisibleChange,
    /// The time of the change, with a resolution of one second. The increment is always 1, because the stored one would
    /// count hidden changes.
    pub time: Timestamp,
    /// The resume position after this change. It reveals data that the user may not read: keep it on the server, and
    /// give clients only an opaque reference to it.
    pub position: Document,
}

/// A change, as seen by the user.
#[derive(Clone, Debug, PartialEq)]
pub enum VisibleChange {
    /// A document was inserted or has become visible. Contains its visible part.
    Inserted(RawDocumentBuf),
    /// The visible part of a document was updated.
    Updated {
        /// The visible part after the change.
        document: RawDocumentBuf,
        /// The difference between the visible parts before and after.
        description: UpdateDescription,
    },
    /// A document was replaced, and its visible part differs. Contains the visible part after the change.
    Replaced(RawDocumentBuf),
    /// A document was deleted or is no longer visible.
    Deleted {
        /// Its `_id`, if that was visible.
        id: Option<Bson>,
    },
}
