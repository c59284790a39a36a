//! Each user's share of the concurrent calls, so that a user with many calls delays only their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{CallError, Options};

/// The users who have calls, by ID.
pub(crate) struct Shares {
    users: Mutex<HashMap<String, Arc<Share>>>,
    running: usize,
    waiting: usize,
}

struct Share {
    places: Arc<Semaphore>,
    /// The running and waiting calls.
    calls: AtomicUsize,
}

/// The place of a call in its user's share.
pub(crate) struct Claim<'s> {
    shares: &'s Shares,
    user: &'s str,
    share: Arc<Share>,
}

impl Shares {
    pub(crate) fn new(options: &Options) -> Self {
        let part = |all: usize| all.checked_div(options.share).unwrap_or(all).max(1);
        let (running, waiting) = (part(options.running), part(options.waiting));
        Self { users: Mutex::default(), running, waiting }
    }

    /// Claims a place in a user's share.
    ///
    /// # Errors
    /// Too many of the user's calls are already waiting.
    pub(crate) fn claim<'s>(&'s self, user: &'s str) -> Result<Claim<'s>, CallError> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let share = users.entry(user.to_owned()).or_insert_with(|| {
            Arc::new(Share { places: Arc::new(Semaphore::new(self.running)), calls: AtomicUsize::new(0) })
        });
        if share.calls.load(Ordering::Relaxed) >= self.running.saturating_add(self.waiting) {
            return Err(CallError::Busy);
        }
        share.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Claim { shares: self, user, share: Arc::clone(share) })
    }
}

impl Claim<'_> {
    /// Waits until the call may run. `None` only if the share were closed, which it never is.
    pub(crate) async fn run(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.share.places).acquire_owned().await.ok()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut users = self.shares.users.lock().unwrap_or_else(PoisonError::into_inner);
        if self.share.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            users.remove(self.user);
        }
    }
}
