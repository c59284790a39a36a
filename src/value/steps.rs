use std::cell::{Cell, RefCell};

use super::indexes::Indexes;
use super::limits::MAX_STEPS;
use super::{ArrayRef, DocumentRef, Field, Malformed, ValueRef};

/// The steps for looking up a field of an element by its name.
pub(crate) const FIELD_OF_ELEMENT: usize = 4;

/// This many bytes of a string count as one step.
const TEXT: usize = 32;

/// The remaining step budget for one document, and indexes built while spending it. Only work on many elements or many
/// values is counted. The number of steps depends on the documents, the rules and the request, never on time or on how
/// a document is stored.
#[derive(Debug)]
pub struct Steps {
    left: Cell<usize>,
    indexes: RefCell<Option<Box<Indexes>>>,
}

impl Default for Steps {
    fn default() -> Self {
        Self::new(MAX_STEPS)
    }
}

impl Steps {
    /// Creates a budget of this many steps.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { left: Cell::new(most), indexes: RefCell::new(None) }
    }

    /// Takes steps from the budget.
    ///
    /// # Errors
    /// If fewer steps are left; the budget is then spent.
    #[inline]
    pub fn take(&self, steps: usize) -> Result<(), Malformed> {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        if left.is_none() { Err(Malformed::steps()) } else { Ok(()) }
    }

    /// Takes the steps for reading a string or other bytes.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_bytes(&self, length: usize) -> Result<(), Malformed> {
        if length < TEXT { Ok(()) } else { self.take(length / TEXT) }
    }

    /// Discards the indexes of the documents so far, because other documents may later occupy the same addresses.
    #[inline]
    pub(crate) fn other_documents(&self) {
        if self.indexes.try_borrow().is_ok_and(|indexes| indexes.is_some()) {
            self.indexes.replace(None);
        }
    }

    /// As [`DocumentRef::get`]; a large raw document is indexed after several lookups.
    #[inline]
    pub(crate) fn get<'a>(&self, document: DocumentRef<'a>, key: &str) -> Result<Option<ValueRef<'a>>, Malformed> {
        match document {
            DocumentRef::Raw(raw) if Indexes::is_worth(raw.as_bytes()) => {
                self.field(document, key)?.map(Field::value).transpose()
            }
            _ => document.get(key),
        }
    }

    /// As [`Field::find`], with the indexes of [`get`](Self::get).
    #[inline]
    pub(crate) fn field<'a>(&self, document: DocumentRef<'a>, key: &str) -> Result<Option<Field<'a>>, Malformed> {
        match document {
            DocumentRef::Raw(raw) if Indexes::is_worth(raw.as_bytes()) => {
                let mut indexes = self.indexes.borrow_mut();
                Ok(indexes.get_or_insert_default().find(raw.as_bytes(), key)?.map(Field::Raw))
            }
            _ => Field::find(document, key),
        }
    }

    /// As [`ArrayRef::get`], with the indexes of [`get`](Self::get).
    pub(crate) fn element<'a>(&self, array: ArrayRef<'a>, index: usize) -> Result<Option<ValueRef<'a>>, Malformed> {
        match array {
            ArrayRef::Raw(raw) if Indexes::is_worth(raw.as_bytes()) => {
                let mut indexes = self.indexes.borrow_mut();
                let found = indexes.get_or_insert_default().element(raw.as_bytes(), index)?;
                found.map(super::element::Element::value).transpose()
            }
            _ => array.get(index),
        }
    }
}
