use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::Notify;

/// When a call must stop: at a deadline, or when it is cancelled.
#[derive(Clone)]
pub(crate) struct Stop {
    pub(crate) deadline: Instant,
    cancelled: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Stop {
    pub(crate) fn at(deadline: Instant) -> Self {
        Self { deadline, cancelled: Arc::default(), notify: Arc::default() }
    }

    /// Cancels the call when the guard is dropped, since nobody waits for it any longer.
    pub(crate) fn guard(&self) -> StopGuard {
        StopGuard(self.clone())
    }

    pub(super) fn is_over(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// Waits until the call must stop.
    pub(super) async fn wait(&self) {
        if self.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let _ = tokio::time::timeout_at(self.deadline.into(), self.notify.notified()).await;
    }
}

/// Cancels a call when it is dropped.
pub(crate) struct StopGuard(Stop);

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        self.0.notify.notify_one();
    }
}
