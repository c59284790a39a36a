use std::time::Duration;

use bson::{DateTime, Document};

use super::StoreError;
use crate::future::BoxFuture;

/// The exclusive right of a process to run a trigger. It expires, so that another process can take over from one that
/// is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The name of the trigger.
    pub trigger: String,
    /// An identifier of the process that holds the lease.
    pub holder: String,
    /// A number that increases with every lease of the trigger. Writes under an earlier lease are rejected.
    pub fence: i64,
}

/// The state of a trigger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerState {
    /// Whether it is paused.
    pub is_paused: bool,
    /// The reason if the trigger is suspended.
    pub suspended: Option<String>,
    /// The position in the change stream to resume after.
    pub position: Option<Document>,
    /// The time until which the schedule has been handled.
    pub ran_until: Option<DateTime>,
    /// The number of completed function calls.
    pub runs: i64,
    /// The number of these that failed.
    pub failures: i64,
    /// The message of the last failed call.
    pub last_failure: Option<String>,
    /// The latest lease.
    pub lease: Option<Lease>,
    /// When that lease expires, by the clock of the store.
    pub leased_until: Option<DateTime>,
}

/// The progress of a trigger since the last record. Fields that are `None` leave the state unchanged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The new position in the change stream.
    pub position: Option<Position>,
    /// The time until which the schedule has been handled.
    pub ran_until: Option<DateTime>,
    /// The number of further function calls.
    pub runs: i64,
    /// The number of these that failed.
    pub failures: i64,
    /// The message of the last failed call.
    pub last_failure: Option<String>,
    /// The reason for suspending the trigger.
    pub suspended: Option<String>,
}

/// A position in a change stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// After this change.
    After(Document),
    /// At the time when the trigger runs again: the changes until then are skipped.
    Forgotten,
}

/// A command to stop or resume a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Stop the trigger, on whichever server it runs.
    Pause,
    /// Resume where the trigger stopped, whether it was paused or suspended.
    Resume,
    /// Resume now, skipping what happened in the meantime.
    ResumeFromNow,
}

/// The states of an application's triggers, by name.
pub trait Triggers: Send + Sync {
    /// Acquires the lease of a trigger for some time, unless another process holds a valid one. Of concurrent calls,
    /// one succeeds. The time is measured by the clock of the store and starts before this returns; callers must count
    /// it from before the call.
    fn acquire<'a>(
        &'a self,
        trigger: &'a str,
        holder: &'a str,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Extends a lease to `lifetime` from now. Returns whether it was still the latest.
    fn renew<'a>(&'a self, lease: &'a Lease, lifetime: Duration) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Releases a lease. Returns whether it was still the latest.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Records progress. Returns whether the lease was still the latest; if not, nothing is recorded.
    fn note<'a>(&'a self, lease: &'a Lease, progress: &'a Progress) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// The state of a trigger; the default state if there is none.
    fn state<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<TriggerState, StoreError>>;

    /// Stops or resumes a trigger.
    fn switch<'a>(&'a self, trigger: &'a str, switch: Switch) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl TriggerState {
    /// Whether the trigger is neither paused nor suspended.
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
