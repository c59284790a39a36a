use std::cell::Cell;

use super::Truth;
use super::test_number::TestNumber;
use crate::predicate::DocumentRoot;
use crate::value::Lookup;

/// A pair of documents on which many tests are evaluated, with the positions of their fields and the cached outcomes.
#[derive(Default)]
pub(crate) struct DocumentPair<'d> {
    root: Option<&'d Lookup<'d>>,
    prev_root: Option<&'d Lookup<'d>>,
    /// Two bits for each numbered test: whether its outcome is True or False, and whether it is True.
    asked: Cell<u64>,
    held: Cell<u64>,
}

/// Which of the two documents.
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

    /// The cached outcome of a test, if it has been evaluated.
    #[inline]
    pub(super) const fn answer(&self, test: TestNumber) -> Option<Truth> {
        if self.asked.get() & test.bit() == 0 {
            return None;
        }
        Some(if self.held.get() & test.bit() == 0 { Truth::False } else { Truth::True })
    }

    /// Caches the outcome of a test. Unknown and Error are not cached.
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
