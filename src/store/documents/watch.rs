use bson::{Document, RawDocumentBuf};

use super::{DocumentsError, Namespace};
use crate::future::BoxFuture;

/// A database that tells what changes in a collection.
pub trait Watch: Send + Sync {
    /// What changes from now on, or after the event of a position.
    fn watch<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        after: Option<Document>,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>>;
}

/// Changes on their way.
pub trait Events: Send {
    /// The next of them; `None` if nothing changed for about a second. After an error, or an [`Event::Ended`], there are no more.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>>;

    /// Where to go on later, with [`Watch::watch`]: after the last event. It holds the `_id`s of documents in a form that
    /// is easily read, so that it is not for clients.
    fn position(&self) -> Option<Document>;
}

/// Something that happened to a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A document was inserted.
    Inserted {
        /// The document.
        after: RawDocumentBuf,
    },
    /// A document was updated or replaced.
    Changed {
        /// What it was; `None` if the database does not know any more.
        before: Option<RawDocumentBuf>,
        /// What it became; `None` if the database does not know any more.
        after: Option<RawDocumentBuf>,
    },
    /// A document was deleted.
    Deleted {
        /// What it was; `None` if the database does not know any more.
        before: Option<RawDocumentBuf>,
    },
    /// The collection was dropped, renamed or replaced: there are no more events.
    Ended,
}
