//! The transactions of an engine for which all other writers of their data source wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many of them are open, or about to be.
#[derive(Default)]
pub(super) struct Exclusive(Arc<AtomicUsize>);

/// One of them, for as long as it is open.
pub(super) struct Open(Arc<AtomicUsize>);

impl Exclusive {
    /// Counts one until the result is dropped.
    pub(super) fn open(&self) -> Open {
        self.0.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    /// Whether one is open.
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
