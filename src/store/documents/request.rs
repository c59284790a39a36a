use std::fmt;

use bson::{Bson, Document, RawDocumentBuf};

/// A collection of a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace {
    database: String,
    collection: String,
}

impl Namespace {
    /// `hr.employees`: the first dot ends the database's name. None if one of the two is empty.
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

/// Which documents of a collection, in which order, how many, and what of them: as in MongoDB's `find`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Find {
    /// MongoDB's filter; empty: all documents.
    pub filter: Document,
    /// MongoDB's projection; empty: whole documents.
    pub projection: Document,
    /// MongoDB's order, `{"name": 1}`; empty: the natural order.
    pub sort: Document,
    /// How many documents are passed over.
    pub skip: u64,
    /// How many documents there may be at most; `None` for no limit.
    pub limit: Option<u64>,
}

impl Find {
    /// All that a filter finds, whole and in natural order.
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
    /// A document in its place; its `_id`, if it has one, must be the same.
    Replacement(Document),
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updated {
    /// Whether a document was found.
    pub matched: bool,
    /// Whether it is another now.
    pub modified: bool,
    /// The `_id` of the document that was inserted because none was found.
    pub upserted: Option<Bson>,
}

/// A write of one document.
#[derive(Clone, Debug, PartialEq)]
pub enum SingleWrite {
    /// Inserts it; it has an `_id`.
    Insert(Document),
    /// Changes the first document that a query finds.
    Change {
        /// By its filter and its order.
        find: Find,
        /// What becomes of it.
        change: Change,
        /// What comes back.
        returns: Returned,
    },
    /// Deletes the first document that a query finds.
    Delete {
        /// By its filter and its order.
        find: Find,
        /// What comes back; there is nothing after it.
        returns: Returned,
    },
}

/// Which document a write brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// None.
    Nothing,
    /// That which was there.
    Before,
    /// That which is there now.
    After,
}

/// What a write of one document did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SingleWritten {
    /// Whether there was a document to be changed or deleted.
    pub found: bool,
    /// Whether it is another now. MongoDB does not tell this of a document that it brings back.
    pub modified: Option<bool>,
    /// The document, if one is wanted and there is one.
    pub document: Option<RawDocumentBuf>,
}
