//! Counts the open transactions of an engine that block all other writers of their data source.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::state::Outcome;
use crate::BackendError;

/// The number of such transactions that are open or being opened, and the operations that wait for one to end.
pub(super) struct Exclusive {
    open: Arc<AtomicUsize>,
    /// The numbers of the operations that began while such a transaction was open and cannot continue before it ends.
    stuck: RefCell<HashSet<u32>>,
    given_up: watch::Sender<()>,
}

/// One such transaction; counted until dropped.
pub(super) struct Open(Arc<AtomicUsize>);

impl Default for Exclusive {
    fn default() -> Self {
        Self { open: Arc::default(), stuck: RefCell::default(), given_up: watch::Sender::new(()) }
    }
}

impl Exclusive {
    /// Counts a transaction until the result is dropped.
    pub(super) fn open(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.open))
    }

    /// Whether any such transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Wraps an operation that waits for such a transaction to end, so that it can be cancelled: it then fails.
    pub(super) fn cancellable(
        &self,
        outcome: impl Future<Output = Outcome> + Send + 'static,
    ) -> impl Future<Output = Outcome> + Send + 'static {
        let mut given_up = self.given_up.subscribe();
        async move {
            tokio::select! {
                biased;
                outcome = outcome => outcome,
                Ok(()) = given_up.changed() => {
                    let message = "the function has a transaction open, for which this write waits, and which cannot end before it: pass \
                                   `{ session }`, or end the transaction first";
                    Outcome::Failed(BackendError::new(message))
                }
            }
        }
    }

    /// Registers an operation that waits for such a transaction to end.
    pub(super) fn register_waiting(&self, number: u32) {
        self.stuck.borrow_mut().insert(number);
    }

    /// Removes an operation that has ended.
    pub(super) fn forget(&self, number: u32) {
        self.stuck.borrow_mut().remove(&number);
    }

    /// Called when such a transaction is being ended: the waiting operations will continue.
    pub(super) fn release_waiting(&self) {
        self.stuck.borrow_mut().clear();
    }

    /// Cancels the waiting operations if they are all that the function is waiting for: `operations` is the number of
    /// its running operations.
    pub(super) fn give_up_stuck(&self, operations: usize) {
        let mut stuck = self.stuck.borrow_mut();
        if !stuck.is_empty() && stuck.len() == operations {
            stuck.clear();
            self.given_up.send_replace(());
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
