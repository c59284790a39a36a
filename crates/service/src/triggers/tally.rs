use portcullis::store::{Lease, Position, Progress, StoreError, Triggers};
use tokio::time::{Duration, Instant, sleep_until};

/// Accumulates the results of runs, and stores them from time to time.
pub(super) struct Tally {
    progress: Progress,
    noted_at: Instant,
}

/// Why a trigger stops before it is told to.
#[derive(Debug)]
pub(super) enum Ended {
    /// Another server has the lease.
    LeaseLost,
    /// A store or a stream failed; the trigger is started again after a pause.
    Failed(String),
    /// The trigger cannot continue until an operator resumes it.
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

    /// Counts a run and its failure, if any.
    pub(super) fn ran(&mut self, ran: Result<(), String>) {
        self.progress.runs += 1;
        if let Err(message) = ran {
            self.progress.failures += 1;
            self.progress.last_failure = Some(message);
        }
    }

    /// When the runs counted since the progress was last stored are to be stored at the latest; `None` if there are none.
    pub(super) fn due(&self, interval: Duration) -> Option<Instant> {
        (self.progress.runs > 0).then(|| self.noted_at.checked_add(interval).unwrap_or(self.noted_at))
    }

    /// Sets the time up to which a schedule has been handled.
    pub(super) fn ran_until(&mut self, time: bson::DateTime) {
        self.progress.ran_until = Some(time);
    }

    /// Sets the position up to which a stream of changes has been handled.
    pub(super) fn position(&mut self, position: Position) {
        self.progress.position = Some(position);
    }

    pub(super) fn suspended(&mut self, reason: String) {
        self.progress.suspended = Some(reason);
    }

    /// Stores the accumulated progress if the interval has passed since that was last done.
    pub(super) async fn note_after(
        &mut self,
        interval: Duration,
        states: &dyn Triggers,
        lease: &Lease,
    ) -> Result<(), Ended> {
        if self.noted_at.elapsed() >= interval { self.note(states, lease).await } else { Ok(()) }
    }

    /// Stores the accumulated progress.
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

/// Waits until a time; forever without one.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
