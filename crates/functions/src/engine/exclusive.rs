//! Counts the open transactions of an engine that block all other writers of their data source.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::state::Outcome;
use crate::BackendError;

/// How many of them are open, or about to be, and what waits for their end.
pub(super) struct Exclusive {
    open: Arc<AtomicUsize>,
    /// The numbers of the operations that began while one was open, and cannot go on before it has ended.
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

    /// What an operation ends with that waits for the end of one, or with which it is given up.
    pub(super) fn waiting(
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

    /// An operation has begun to wait for the end of a transaction.
    pub(super) fn waits(&self, number: u32) {
        self.stuck.borrow_mut().insert(number);
    }

    /// An operation ended.
    pub(super) fn ended(&self, number: u32) {
        self.stuck.borrow_mut().remove(&number);
    }

    /// One of them ends, so that nothing has to wait for it any longer.
    pub(super) fn ends(&self) {
        self.stuck.borrow_mut().clear();
    }

    /// Cancels the waiting operations if the code waits for nothing else among this many operations.
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
