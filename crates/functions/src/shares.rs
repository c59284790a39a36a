//! Each user's share of the concurrent calls, so that a user with many calls delays only their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::CallError;

/// The users who have calls, by ID.
pub(crate) struct Shares {
    users: Mutex<HashMap<Arc<str>, Arc<Share>>>,
    running: usize,
    waiting: usize,
}

struct Share {
    places: Arc<Semaphore>,
    /// The running and waiting calls.
    calls: AtomicUsize,
}

/// A call that counts towards its user's share, waiting or running.
pub(crate) struct Claim {
    shares: Arc<Shares>,
    user: Arc<str>,
    share: Arc<Share>,
}

/// What a call occupies while it runs. It belongs to the threads of the call and not to its caller, who stops waiting
/// for a thread that cannot be stopped: otherwise a user could occupy one thread after the other.
pub(crate) struct Places {
    /// The place among the calls of all users.
    _gate: OwnedSemaphorePermit,
    /// The place in the share of the call's user.
    _share: Option<Running>,
}

/// A place in a user's share. The permit is returned before the claim, with which the share itself may go.
pub(crate) struct Running {
    _permit: OwnedSemaphorePermit,
    _claim: Claim,
}

impl Places {
    pub(crate) const fn new(gate: OwnedSemaphorePermit, share: Option<Running>) -> Self {
        Self { _gate: gate, _share: share }
    }
}

impl Shares {
    /// Shares of which each allows this many calls to run, and to wait.
    pub(crate) fn new(running: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Self { users: Mutex::default(), running, waiting })
    }

    /// Claims a place in a user's share.
    ///
    /// # Errors
    /// Too many of the user's calls are already waiting.
    pub(crate) fn claim(self: &Arc<Self>, user: &Arc<str>) -> Result<Claim, CallError> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let share = users.entry(Arc::clone(user)).or_insert_with(|| {
            Arc::new(Share { places: Arc::new(Semaphore::new(self.running)), calls: AtomicUsize::new(0) })
        });
        if share.calls.load(Ordering::Relaxed) >= self.running.saturating_add(self.waiting) {
            return Err(CallError::Busy);
        }
        share.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Claim { shares: Arc::clone(self), user: Arc::clone(user), share: Arc::clone(share) })
    }
}

impl Claim {
    /// Waits until the call may run. `None` only if the share were closed, which it never is.
    pub(crate) async fn run(self) -> Option<Running> {
        let permit = Arc::clone(&self.share.places).acquire_owned().await.ok()?;
        Some(Running { _permit: permit, _claim: self })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut users = self.shares.users.lock().unwrap_or_else(PoisonError::into_inner);
        if self.share.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            users.remove(&self.user);
        }
    }
}
