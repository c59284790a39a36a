use std::fmt;

use bson::{Bson, Document, RawDocumentBuf};

/// The name of a collection, with its database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    database: String,
    collection: String,
}

impl Namespace {
    /// Parses a namespace such as `hr.employees`, where the database ends at the first dot. `None` if either part is
    /// empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (database, collection) = text.split_once('.')?;
        (!database.is_empty() && !collection.is_empty() && !text.contains('\0'))
            .then(|| Self { database: database.to_owned(), collection: collection.to_owned() })
    }

    /// The name of the database, such as `hr`.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The name of the collection, such as `employees`.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// Whether the collection is an internal one of MongoDB.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        ["admin", "config", "local"].contains(&self.database()) || self.collection.starts_with("system.")
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

/// A query, as in MongoDB's `find`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    /// The filter; empty for all documents.
    pub filter: Document,
    /// The projection; empty for whole documents.
    pub projection: Document,
    /// The sort order, such as `{"name": 1}`; empty for natural order.
    pub sort: Document,
    /// The number of documents to skip.
    pub skip: u64,
    /// The maximum number of documents to return; `None` for no limit.
    pub limit: Option<u64>,
}

impl Find {
    /// A query for all documents that match a filter.
    #[must_use]
    pub fn by(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }
}

/// A change to a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Update operators, `{"$set": {…}}`, with the array filters that `$[name]` refers to.
    Operators {
        /// The update operators, with their fields.
        update: Document,
        /// The `arrayFilters`.
        array_filters: Vec<Document>,
    },
    /// Pipeline stages, `[{"$set": {…}}]`.
    Pipeline(Vec<Document>),
    /// A replacement. If it has an `_id`, that must not change.
    Replacement(Document),
}

/// The result of an update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updated {
    /// Whether a document matched.
    pub matched: bool,
    /// Whether it was actually changed.
    pub modified: bool,
    /// The `_id` of the document that was inserted because none matched.
    pub upserted: Option<Bson>,
}

/// A write of one document.
#[derive(Clone, Debug, PartialEq)]
pub enum SingleWrite {
    /// Inserts a document, which must have an `_id`.
    Insert(Document),
    /// Changes the first document that matches.
    Change {
        /// The filter and sort order that select the document.
        find: Find,
        /// The change.
        change: Change,
        /// The document to return.
        returns: Returned,
    },
    /// Deletes the first document that matches.
    Delete {
        /// The filter and sort order that select the document.
        find: Find,
        /// The document to return; there is none after a delete.
        returns: Returned,
    },
}

/// The document that a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// None.
    Nothing,
    /// The document before the write.
    Before,
    /// The document after the write.
    After,
}

/// The result of a write of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SingleWritten {
    /// Whether a document matched.
    pub found: bool,
    /// Whether it was actually changed. MongoDB does not report this if a document is returned.
    pub modified: Option<bool>,
    /// The requested document, if it exists.
    pub document: Option<RawDocumentBuf>,
}
