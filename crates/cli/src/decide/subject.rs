//! The operation that a user wants to perform, and its documents.

use bson::{Document, RawDocument};
use clap::ValueEnum;
use portcullis::Operation;
use portcullis::update::Operator as UpdateOperator;
use portcullis::value::DocumentRef;

use crate::trouble::Trouble;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Verb {
    /// Read a stored document
    Read,
    /// Find a stored document with a search query
    Search,
    /// Insert a document
    Insert,
    /// Update a stored document
    Update,
    /// Delete a stored document
    Delete,
}

/// The documents to decide on.
pub(super) enum Subject {
    One(Document),
    Pair(Document, Document),
}

impl Subject {
    /// The operation on these documents.
    pub(super) fn operation(&self, verb: Verb) -> Operation<'_> {
        match self {
            Self::One(document) => verb.of(document.into(), document.into()),
            Self::Pair(before, after) => verb.of(before.into(), after.into()),
        }
    }
}

impl Verb {
    pub(super) fn of<'d>(self, first: DocumentRef<'d>, second: DocumentRef<'d>) -> Operation<'d> {
        match self {
            Self::Read => Operation::Read(first),
            Self::Search => Operation::Search(first),
            Self::Insert => Operation::Insert(first),
            Self::Update => Operation::Update(first, second),
            Self::Delete => Operation::Delete(first),
        }
    }

    /// The operation on a document from standard input; `None` for an update that is not in the expected format.
    pub(super) fn of_raw(self, document: &RawDocument) -> Option<Operation<'_>> {
        if self != Self::Update {
            return Some(self.of(document.into(), document.into()));
        }
        let (before, after) = (document.get_document("before").ok()?, document.get_document("after").ok()?);
        // A document that begins with an operator needs a closer look.
        let is_plain =
            after.iter().next().is_none_or(|first| first.is_ok_and(|(key, _)| !key.as_str().starts_with('$')));
        (is_plain && document.iter().count() == 2).then(|| self.of(before.into(), after.into()))
    }
}

/// Refuses update operators where the new document is expected.
pub(super) fn refuse_operators(after: &Document) -> Result<(), Trouble> {
    match after.keys().next() {
        Some(first) if UpdateOperator::ALL.iter().any(|(_, spelling)| spelling == first) => {
            Err(Trouble::usage(format!(
                "`{first}` is an update operator: pass the whole new document as the second one; \
                 `portcullis update` applies operators and judges the result"
            )))
        }
        _ => Ok(()),
    }
}
