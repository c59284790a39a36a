//! Counts the open transactions of an engine that block all other writers of their data source.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of such transactions that are open or being opened.
#[derive(Default)]
pub(super) struct Exclusive(Arc<AtomicUsize>);

/// One such transaction; counted until dropped.
pub(super) struct Open(Arc<AtomicUsize>);

impl Exclusive {
    /// Counts a transaction until the result is dropped.
    pub(super) fn open(&self) -> Open {
        self.0.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    /// Whether any such transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
