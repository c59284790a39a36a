use std::time::Duration;

use bson::{DateTime, Document};

use super::StoreError;
use crate::future::BoxFuture;

/// The exclusive right of one process to run a trigger. It expires, so that another server takes over if a process is
/// gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The name of the trigger.
    pub trigger: String,
    /// The holder.
    pub holder: String,
    /// Increases with each lease of the trigger: writes under an earlier one are rejected.
    pub fence: i64,
}

/// The state of a trigger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerState {
    /// Whether it is paused.
    pub is_paused: bool,
    /// Why it was suspended, if it was.
    pub suspended: Option<String>,
    /// The change after which it resumes.
    pub position: Option<Document>,
    /// The time up to which its schedule has been handled.
    pub ran_until: Option<DateTime>,
    /// The number of completed runs of its function.
    pub runs: i64,
    /// The number of failed runs among them.
    pub failures: i64,
    /// The message of the last failure.
    pub last_failure: Option<String>,
    /// The last lease.
    pub lease: Option<Lease>,
    /// When that expires or expired, by the clock of the store.
    pub leased_until: Option<DateTime>,
}

/// The progress of a trigger since it was last recorded. Fields that are `None` stay as they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The position in the changes of the database.
    pub position: Option<Position>,
    /// The time up to which its schedule has been handled.
    pub ran_until: Option<DateTime>,
    /// The number of completed runs.
    pub runs: i64,
    /// The number of failed runs among them.
    pub failures: i64,
    /// The message of the last failure.
    pub last_failure: Option<String>,
    /// Why it is suspended.
    pub suspended: Option<String>,
}

/// A position in the changes of a database.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// After this change.
    After(Document),
    /// Wherever the changes are when it runs again: changes until then are skipped.
    Forgotten,
}

/// A command that stops or resumes a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Stop it, on whichever server it runs.
    Pause,
    /// Resume where it stopped, whether it was paused or suspended.
    Resume,
    /// Resume from now.
    ResumeFromNow,
}

/// The states of the triggers of one application, by name.
pub trait Triggers: Send + Sync {
    /// Acquires the lease of a trigger for some time, unless another holder's lease is still valid. Of several
    /// concurrent calls, one gets it. The time runs by the clock of the store and has begun when this returns; callers
    /// must count from before the call.
    fn acquire<'a>(
        &'a self,
        trigger: &'a str,
        holder: &'a str,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Extends a lease to some time from now. Returns whether it was still the latest one.
    fn renew<'a>(&'a self, lease: &'a Lease, lifetime: Duration) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Releases a lease. Returns whether it was still the latest one.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Records the progress of a trigger. Returns whether the lease was still the latest one; if not, nothing is
    /// recorded.
    fn note<'a>(&'a self, lease: &'a Lease, progress: &'a Progress) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// The state of a trigger; the default one if it was never run, paused or resumed.
    fn state<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<TriggerState, StoreError>>;

    /// Stops or resumes a trigger.
    fn switch<'a>(&'a self, trigger: &'a str, switch: Switch) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl TriggerState {
    /// Whether the trigger may be run.
    #[must_use]
    pub const fn may_run(&self) -> bool {
        !self.is_paused && self.suspended.is_none()
    }

    /// Applies the progress of a run.
    pub fn advance(&mut self, progress: &Progress) {
        match &progress.position {
            None => {}
            Some(Position::After(position)) => self.position = Some(position.clone()),
            Some(Position::Forgotten) => self.position = None,
        }
        self.ran_until = progress.ran_until.or(self.ran_until);
        self.runs = self.runs.saturating_add(progress.runs);
        self.failures = self.failures.saturating_add(progress.failures);
        for (kept, new) in
            [(&mut self.last_failure, &progress.last_failure), (&mut self.suspended, &progress.suspended)]
        {
            if new.is_some() {
                kept.clone_from(new);
            }
        }
    }

    /// Applies a command.
    pub fn switch(&mut self, switch: Switch) {
        self.is_paused = switch == Switch::Pause;
        if switch != Switch::Pause {
            self.suspended = None;
        }
        if switch == Switch::ResumeFromNow {
            (self.position, self.ran_until) = (None, None);
        }
    }
}

impl Progress {
    /// Whether there is nothing to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
