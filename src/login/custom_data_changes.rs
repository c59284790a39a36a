use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::DateTime;

use crate::clock::{Clock, SystemClock};
use crate::store::CustomDataObserver;

/// How many users whose custom data have changed are kept apart. Beyond, everybody's data count as changed.
const MAX_USERS: usize = 100_000;

/// The times at which custom data were seen to change, for [`Freshness::UntilChanged`](super::Freshness::UntilChanged).
///
/// Whoever watches the custom data tells what changes. While nobody does, or after too long a silence, nothing counts as
/// current, so that everything is looked up.
pub struct CustomDataChanges {
    known: Mutex<Known>,
    clock: Arc<dyn Clock>,
}

impl Default for CustomDataChanges {
    fn default() -> Self {
        Self { known: Mutex::default(), clock: Arc::new(SystemClock) }
    }
}

#[derive(Default)]
struct Known {
    watched: Watched,
    /// By user, when the data were last seen to have changed.
    users: HashMap<String, DateTime>,
    /// When anybody's data may have changed.
    everyone: Option<DateTime>,
}

/// Whether all changes are told.
#[derive(Clone, Copy, Default)]
enum Watched {
    #[default]
    No,
    Until(Instant),
    /// Each write reports its changes.
    Always,
}

impl CustomDataChanges {
    /// Sets the clock, which must be that of the [`Authenticator`](super::Authenticator).
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// From now on all changes are told as they are made: by the store that makes them.
    pub fn watched_always(&self) {
        let (mut known, now) = (self.known(), self.clock.now());
        known.changed_all(now);
        known.watched = Watched::Always;
    }

    /// All changes up to now have been told. This is believed for so long, unless it is said again.
    pub fn watched_for(&self, trust: Duration) {
        // A time that the clock cannot represent is never over.
        self.known().watched = Instant::now().checked_add(trust).map_or(Watched::Always, Watched::Until);
    }

    /// What changes is not told any more.
    pub fn unwatched(&self) {
        self.known().watched = Watched::No;
    }

    /// Whether data of a user that were read at this time are what is stored now, as far as is known.
    #[must_use]
    pub fn is_current(&self, user_id: &str, read_at: DateTime) -> bool {
        let known = self.known();
        let is_watched = match known.watched {
            Watched::No => false,
            Watched::Until(end) => Instant::now() < end,
            Watched::Always => true,
        };
        // Whether a time in the future precedes a change is unknown.
        is_watched && read_at <= self.clock.now() && known.last_change(user_id).is_none_or(|at| at < read_at)
    }

    /// Whether data of a user are known to have changed since a time.
    #[must_use]
    pub fn has_changed_since(&self, user_id: &str, time: DateTime) -> bool {
        self.known().last_change(user_id).is_some_and(|at| at >= time)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomDataObserver for CustomDataChanges {
    fn changed(&self, users: &BTreeSet<String>) {
        let (mut known, now) = (self.known(), self.clock.now());
        known.users.extend(users.iter().map(|user| (user.clone(), now)));
        if known.users.len() > MAX_USERS {
            known.changed_all(now);
        }
    }

    fn changed_all(&self) {
        self.known().changed_all(self.clock.now());
    }
}

impl Known {
    fn changed_all(&mut self, now: DateTime) {
        self.users.clear();
        self.everyone = Some(now);
    }

    fn last_change(&self, user_id: &str) -> Option<DateTime> {
        self.users.get(user_id).copied().max(self.everyone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ago(millis: i64) -> DateTime {
        DateTime::from_millis(DateTime::now().timestamp_millis() - millis)
    }

    fn users(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn nothing_is_current_that_nobody_watches() {
        let changes = CustomDataChanges::default();
        assert!(!changes.is_current("ada", ago(10)));
        changes.watched_for(Duration::from_secs(3600));
        assert!(changes.is_current("ada", ago(10)));
        changes.unwatched();
        assert!(!changes.is_current("ada", ago(10)));
        // Trust that is over.
        changes.watched_for(Duration::ZERO);
        assert!(!changes.is_current("ada", ago(10)));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_current() {
        let changes = CustomDataChanges::default();
        changes.watched_always();
        // What was read before anybody watched may have changed before.
        assert!(!changes.is_current("ada", ago(10)));
        let changes = CustomDataChanges::default();
        changes.watched_for(Duration::from_secs(3600));
        changes.changed(&users(&["ada"]));
        assert!(!changes.is_current("ada", ago(1000)) && changes.has_changed_since("ada", ago(1000)));
        assert!(changes.is_current("bob", ago(1000)) && !changes.has_changed_since("bob", ago(1000)));
        changes.changed_all();
        assert!(!changes.is_current("bob", ago(1000)) && changes.has_changed_since("bob", ago(1000)));
        // A clock that was set back says nothing about the age.
        assert!(!changes.is_current("eve", ago(-60_000)));
    }

    #[test]
    fn too_many_changes_are_changes_of_everybody() {
        let changes = CustomDataChanges::default();
        changes.watched_for(Duration::from_secs(3600));
        let many: BTreeSet<String> = (0..MAX_USERS).map(|n| n.to_string()).collect();
        changes.changed(&many);
        assert!(changes.is_current("ada", ago(1000)));
        changes.changed(&users(&["bob"]));
        assert!(!changes.is_current("ada", ago(1000)) && !changes.is_current("bob", ago(1000)));
        assert!(changes.known().users.is_empty());
    }
}
