use std::cell::Cell;

use super::Truth;
use super::test_number::TestNumber;
use crate::predicate::DocumentRoot;
use crate::value::Lookup;

/// A pair of documents of which many questions are asked: where their fields are, and what was answered already.
#[derive(Default)]
pub(crate) struct DocumentPair<'d> {
    root: Option<&'d Lookup<'d>>,
    prev_root: Option<&'d Lookup<'d>>,
    /// A bit for each test that was answered with True or False, and one for True.
    asked: Cell<u64>,
    held: Cell<u64>,
}

/// One of the two documents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Root,
    PrevRoot,
}

impl<'d> DocumentPair<'d> {
    /// As `%%root` and `%%prevRoot`.
    pub(crate) fn new(root: Option<&'d Lookup<'d>>, prev_root: Option<&'d Lookup<'d>>) -> Self {
        Self { root, prev_root, ..Self::default() }
    }

    #[inline]
    pub(super) const fn lookup(&self, root: DocumentRoot) -> Option<&'d Lookup<'d>> {
        match root {
            DocumentRoot::Root => self.at(Side::Root),
            DocumentRoot::PrevRoot => self.at(Side::PrevRoot),
            DocumentRoot::This | DocumentRoot::Prev => None,
        }
    }

    #[inline(always)]
    pub(super) const fn at(&self, side: Side) -> Option<&'d Lookup<'d>> {
        match side {
            Side::Root => self.root,
            Side::PrevRoot => self.prev_root,
        }
    }

    /// What a test was answered with, if it was asked already.
    #[inline]
    pub(super) const fn answer(&self, test: TestNumber) -> Option<Truth> {
        if self.asked.get() & test.bit() == 0 {
            return None;
        }
        Some(if self.held.get() & test.bit() == 0 { Truth::False } else { Truth::True })
    }

    /// Notes an answer. An Unknown or an Error is looked at again.
    #[inline]
    pub(super) fn note(&self, test: TestNumber, truth: Truth) {
        match truth {
            Truth::True => self.held.set(self.held.get() | test.bit()),
            Truth::False => {}
            Truth::Unknown | Truth::Error => return,
        }
        self.asked.set(self.asked.get() | test.bit());
    }
}
