use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use crate::store::documents::UpdateDescription;

/// An item of a change stream.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// Nothing that the user may know of; call [`Watched::next`](super::Watched::next) again.
    Nothing,
    /// A document changed.
    Change(Box<ChangeEvent>),
    /// The stream has ended: its time is over, it was ended by the host, or the collection no longer exists.
    Ended,
}

/// A change that the user may know of.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeEvent {
    /// The change.
    pub change: VisibleChange,
    /// The time of the change, to the second. The increment is always 1, because the database's would count hidden changes.
    pub time: Timestamp,
    /// The position from which the stream can be resumed after the change. It reveals data that the user may not read:
    /// keep it on the server, and give the user only an opaque name for it.
    pub position: Document,
}

/// A change of a document as far as the user may read it.
#[derive(Clone, Debug, PartialEq)]
pub enum VisibleChange {
    /// A document has become visible to the user.
    Inserted(RawDocumentBuf),
    /// A visible document has changed.
    Updated {
        /// Its visible part after the change.
        document: RawDocumentBuf,
        /// The difference between the visible parts.
        description: UpdateDescription,
    },
    /// A document was replaced, and its visible part has changed. Contains the visible part after the change.
    Replaced(RawDocumentBuf),
    /// A document was removed or is no longer visible to the user.
    Deleted {
        /// Its `_id`, if that was visible.
        id: Option<Bson>,
    },
}
