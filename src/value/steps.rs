use std::cell::{Cell, RefCell};

use super::indexes::Indexes;
use super::limits::MAX_STEPS;
use super::{ArrayRef, DocumentRef, Field, Malformed, ValueRef};

/// How many steps one question about a field of an element takes, which is looked for by its name.
pub(crate) const FIELD_OF_ELEMENT: usize = 4;

/// So many bytes of a text are one step.
const TEXT: usize = 32;

/// How much work may still be done on one document, and what was learnt of it meanwhile. Only what is done for many elements or
/// many values is counted: the steps depend on the documents, the rules and the request, never on time or on how a document is stored.
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
    /// So many at most.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { left: Cell::new(most), indexes: RefCell::new(None) }
    }

    /// Takes some.
    ///
    /// # Errors
    /// There are not so many left. None are left then.
    #[inline]
    pub fn take(&self, steps: usize) -> Result<(), Malformed> {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        if left.is_none() { Err(Malformed::steps()) } else { Ok(()) }
    }

    /// Takes those of a look at a text or other bytes.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_bytes(&self, length: usize) -> Result<(), Malformed> {
        if length < TEXT { Ok(()) } else { self.take(length / TEXT) }
    }

    /// Forgets what was learnt of the documents so far: others may come to lie at their places in memory.
    #[inline]
    pub(crate) fn other_documents(&self) {
        if self.indexes.try_borrow().is_ok_and(|indexes| indexes.is_some()) {
            self.indexes.replace(None);
        }
    }

    /// As [`DocumentRef::get`]; the fields of a large raw document are indexed when it is asked often.
    #[inline]
    pub(crate) fn get<'a>(&self, document: DocumentRef<'a>, key: &str) -> Result<Option<ValueRef<'a>>, Malformed> {
        match document {
            DocumentRef::Raw(raw) if Indexes::is_worth(raw.as_bytes()) => {
                self.field(document, key)?.map(Field::value).transpose()
            }
            _ => document.get(key),
        }
    }

    /// As [`Field::find`], like [`get`](Self::get).
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

    /// As [`ArrayRef::get`], like [`get`](Self::get).
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
