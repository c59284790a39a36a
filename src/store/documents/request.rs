use std::fmt;

use bson::{Bson, Document, RawDocumentBuf};

/// A collection of a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    database: String,
    collection: String,
}

impl Namespace {
    /// `hr.employees`: the first dot ends the database's name. `None` if either part is empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (database, collection) = text.split_once('.')?;
        (!database.is_empty() && !collection.is_empty() && !text.contains('\0'))
            .then(|| Self { database: database.to_owned(), collection: collection.to_owned() })
    }

    /// `hr`
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// `employees`
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// Whether the collection is one of MongoDB's own.
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

/// A query as in MongoDB's `find`: filter, sort, skip, limit and projection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    /// MongoDB's filter; empty: all documents.
    pub filter: Document,
    /// MongoDB's projection; empty: whole documents.
    pub projection: Document,
    /// MongoDB's order, `{"name": 1}`; empty: the natural order.
    pub sort: Document,
    /// The number of documents to skip.
    pub skip: u64,
    /// The most documents to return; `None` for no limit.
    pub limit: Option<u64>,
}

impl Find {
    /// All documents that match a filter, whole and in natural order.
    #[must_use]
    pub fn by(filter: Document) -> Self {
        Self { filter, ..Self::default() }
    }
}

/// How a document is changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `{"$set": {…}}`: update operators, and the filters that `$[name]` refers to.
    Operators {
        /// MongoDB's update operators with their fields.
        update: Document,
        /// MongoDB's `arrayFilters`.
        array_filters: Vec<Document>,
    },
    /// `[{"$set": {…}}]`: stages of a pipeline.
    Pipeline(Vec<Document>),
    /// A replacement document; its `_id`, if it has one, must be the same.
    Replacement(Document),
}

/// The result of an update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updated {
    /// Whether a document matched.
    pub matched: bool,
    /// Whether it was modified.
    pub modified: bool,
    /// The `_id` of the document that was inserted because none matched.
    pub upserted: Option<Bson>,
}

/// A write of one document.
#[derive(Clone, Debug, PartialEq)]
pub enum SingleWrite {
    /// Inserts it; it has an `_id`.
    Insert(Document),
    /// Changes the first document that matches.
    Change {
        /// By its filter and its order.
        find: Find,
        /// The change.
        change: Change,
        /// Which document is returned.
        returns: Returned,
    },
    /// Deletes the first document that matches.
    Delete {
        /// By its filter and its order.
        find: Find,
        /// Which document is returned; after a deletion there is none.
        returns: Returned,
    },
}

/// Which document a write returns.
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
    /// Whether it was modified. MongoDB does not report this if it returns a document.
    pub modified: Option<bool>,
    /// The document, if one was requested and exists.
    pub document: Option<RawDocumentBuf>,
}
