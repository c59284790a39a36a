use std::cell::{Cell, RefCell};

use super::indexes::Indexes;
use super::limits::MAX_STEPS;
use super::{ArrayRef, DocumentRef, Field, Malformed, ValueRef};

/// The number of steps for looking up a field in an array element.
pub(crate) const FIELD_OF_ELEMENT: usize = 4;

/// The number of bytes of a string that count as one step.
const BYTES_PER_STEP: usize = 32;

/// The remaining step budget for a document, and the indexes that are built meanwhile. Only work that grows with the
/// number of elements or values is counted. The number of steps depends on the documents, the rules and the request,
/// but neither on time nor on the representation of documents.
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
    /// Creates a budget of `most` steps.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { left: Cell::new(most), indexes: RefCell::new(None) }
    }

    /// Takes steps from the budget.
    ///
    /// # Errors
    /// If not enough steps are left. No steps are left from then on.
    #[inline]
    pub fn take(&self, steps: usize) -> Result<(), Malformed> {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        if left.is_none() { Err(Malformed::steps()) } else { Ok(()) }
    }

    /// Takes the steps for reading this many bytes.
    ///
    /// # Errors
    /// Same as [`take`](Self::take).
    pub(crate) fn take_bytes(&self, length: usize) -> Result<(), Malformed> {
        if length < BYTES_PER_STEP { Ok(()) } else { self.take(length / BYTES_PER_STEP) }
    }

    /// Discards all indexes, because other documents may come to lie at the same addresses.
    #[inline]
    pub(crate) fn other_documents(&self) {
        if self.indexes.try_borrow().is_ok_and(|indexes| indexes.is_some()) {
            self.indexes.replace(None);
        }
    }

    /// Like [`DocumentRef::get`]. A large raw document is indexed after several lookups.
    #[inline]
    pub(crate) fn get<'a>(&self, document: DocumentRef<'a>, key: &str) -> Result<Option<ValueRef<'a>>, Malformed> {
        match document {
            DocumentRef::Raw(raw) if Indexes::is_worth(raw.as_bytes()) => {
                self.field(document, key)?.map(Field::value).transpose()
            }
            _ => document.get(key),
        }
    }

    /// Like [`Field::find`], using the same indexes as [`get`](Self::get).
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

    /// Like [`ArrayRef::get`], using the same indexes as [`get`](Self::get).
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
