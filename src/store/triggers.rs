use std::time::Duration;

use bson::{DateTime, Document};

use super::StoreError;
use crate::future::BoxFuture;

/// The right of one process to run a trigger, of which of several servers one has it at a time. It ends by itself, so that another takes
/// over where a process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The name of the trigger.
    pub trigger: String,
    /// Who has it.
    pub holder: String,
    /// Grows with each lease of the trigger: what is written under an earlier one is refused.
    pub fence: i64,
}

/// What is known of a trigger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerState {
    /// Whether somebody has stopped it for the time being.
    pub is_paused: bool,
    /// Why it was stopped by itself, if it was.
    pub suspended: Option<String>,
    /// After which change of the database it goes on.
    pub position: Option<Document>,
    /// Until when the times of its schedule are dealt with.
    pub ran_until: Option<DateTime>,
    /// How often its function was run to an end.
    pub runs: i64,
    /// How many of those failed.
    pub failures: i64,
    /// What the last failure said.
    pub last_failure: Option<String>,
    /// The last lease.
    pub lease: Option<Lease>,
    /// When that ends or ended, by the clock of the store.
    pub leased_until: Option<DateTime>,
}

/// What has come of running a trigger since it was noted last. What is `None` stays as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Where the changes of the database stand.
    pub position: Option<Position>,
    /// Until when the times of its schedule are dealt with.
    pub ran_until: Option<DateTime>,
    /// How many runs came to an end.
    pub runs: i64,
    /// How many of those failed.
    pub failures: i64,
    /// What the last failure said.
    pub last_failure: Option<String>,
    /// Why it cannot go on.
    pub suspended: Option<String>,
}

/// A place in the changes of a database.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// After this change.
    After(Document),
    /// From whenever it is run again: what happens until then is passed over.
    Forgotten,
}

/// What becomes of a trigger that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It stops, whoever runs it.
    Pause,
    /// It goes on where it stood, whether it was paused or suspended.
    Resume,
    /// It goes on from now.
    ResumeFromNow,
}

/// The states of the triggers of one application, by their names.
pub trait Triggers: Send + Sync {
    /// The lease of a trigger for a time, unless somebody else has one that lasts. Of several at once one gets it. The time is that of the
    /// store, and has begun when this returns; who asks counts from before.
    fn acquire<'a>(
        &'a self,
        trigger: &'a str,
        holder: &'a str,
        lifetime: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Makes a lease last for a time from now on; whether it still was the last one.
    fn renew<'a>(&'a self, lease: &'a Lease, lifetime: Duration) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Gives a lease back; whether it still was the last one.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Notes what has come of running a trigger; whether the lease still was the last one. If not, nothing is noted.
    fn note<'a>(&'a self, lease: &'a Lease, progress: &'a Progress) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// What is known of a trigger; nothing of one that was never run or switched.
    fn state<'a>(&'a self, trigger: &'a str) -> BoxFuture<'a, Result<TriggerState, StoreError>>;

    /// Stops a trigger or lets it go on.
    fn switch<'a>(&'a self, trigger: &'a str, switch: Switch) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl TriggerState {
    /// Whether the trigger may be run.
    #[must_use]
    pub const fn may_run(&self) -> bool {
        !self.is_paused && self.suspended.is_none()
    }

    /// Takes over what has come of a run.
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

    /// Stops or goes on.
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
    /// Whether there is nothing to note.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
