use portcullis::store::{Lease, Position, Progress, StoreError, Triggers};
use tokio::time::{Duration, Instant};

/// Collects what has come of runs, and notes it now and then.
pub(super) struct Tally {
    progress: Progress,
    noted_at: Instant,
}

/// Why the work of a trigger ends before it is asked to.
#[derive(Debug)]
pub(super) enum Ended {
    /// Somebody else has the lease.
    LeaseLost,
    /// A store cannot be asked, or does not do what it is asked.
    Failed(String),
    /// It cannot go on until somebody resumes it.
    Suspended(String),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { progress: Progress::default(), noted_at: Instant::now() }
    }

    /// Counts a run.
    pub(super) fn ran(&mut self, ran: Result<(), String>) {
        self.progress.runs += 1;
        if let Err(message) = ran {
            self.progress.failures += 1;
            self.progress.last_failure = Some(message);
        }
    }

    /// What has been dealt with of a schedule.
    pub(super) fn ran_until(&mut self, time: bson::DateTime) {
        self.progress.ran_until = Some(time);
    }

    /// What has been dealt with of a stream of changes.
    pub(super) fn position(&mut self, position: Position) {
        self.progress.position = Some(position);
    }

    pub(super) fn suspended(&mut self, reason: String) {
        self.progress.suspended = Some(reason);
    }

    /// Notes what has been collected, if the last time was long enough ago.
    pub(super) async fn note_after(
        &mut self,
        interval: Duration,
        states: &dyn Triggers,
        lease: &Lease,
    ) -> Result<(), Ended> {
        if self.noted_at.elapsed() >= interval { self.note(states, lease).await } else { Ok(()) }
    }

    /// Notes what has been collected.
    pub(super) async fn note(&mut self, states: &dyn Triggers, lease: &Lease) -> Result<(), Ended> {
        if !self.progress.is_empty() {
            if !states.note(lease, &self.progress).await? {
                return Err(Ended::LeaseLost);
            }
            self.progress = Progress::default();
        }
        self.noted_at = Instant::now();
        Ok(())
    }
}
