use std::cell::Cell;

use super::Truth;
use super::test_number::TestNumber;
use crate::predicate::DocumentRoot;
use crate::value::Lookup;

/// The documents `%%root` and `%%prevRoot` of one decision, with located fields and cached test outcomes.
#[derive(Default)]
pub(crate) struct DocumentPair<'d> {
    root: Option<&'d Lookup<'d>>,
    prev_root: Option<&'d Lookup<'d>>,
    /// Bitmaps over the numbered tests: which of them have a cached outcome, and which of those are True.
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
    /// Creates the pair from `%%root` and `%%prevRoot`.
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

    /// The cached outcome of a test, if any.
    #[inline]
    pub(super) const fn answer(&self, test: TestNumber) -> Option<Truth> {
        if self.asked.get() & test.bit() == 0 {
            return None;
        }
        Some(if self.held.get() & test.bit() == 0 { Truth::False } else { Truth::True })
    }

    /// Caches the outcome of a test if it is True or False.
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
