use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::DateTime;

use crate::clock::{Clock, SystemClock};
use crate::store::CustomDataObserver;

/// The maximum number of users for whom changes are recorded individually. Beyond it, the custom data of all users
/// count as changed.
const MAX_USERS: usize = 100_000;

/// The times at which custom data were seen to change, for [`Freshness::UntilChanged`](super::Freshness::UntilChanged).
///
/// The watcher of the custom data reports the changes. Without a watcher, or if it has been silent for too long, no
/// data count as current, so that they are always looked up.
pub struct CustomDataChanges {
    known: Mutex<KnownChanges>,
    clock: Arc<dyn Clock>,
}

impl Default for CustomDataChanges {
    fn default() -> Self {
        Self { known: Mutex::default(), clock: Arc::new(SystemClock) }
    }
}

#[derive(Default)]
struct KnownChanges {
    watched: Watched,
    /// The time at which each user's data were last seen to have changed, by user ID.
    users: HashMap<String, DateTime>,
    /// The last time at which the data of any user may have changed.
    everyone: Option<DateTime>,
    /// The latest time that the clock has shown.
    latest: Option<DateTime>,
}

/// Whether all changes are reported.
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

    /// Declares that from this moment on, the store itself reports all changes as it makes them.
    pub fn watched_always(&self) {
        let mut known = self.known();
        let now = known.now(&*self.clock);
        known.changed_all(now);
        known.watched = Watched::Always;
    }

    /// Declares that all changes so far have been reported. This is trusted for the given time unless it is repeated.
    pub fn watched_for(&self, trust: Duration) {
        // A time beyond the range of `Instant` never ends.
        self.known().watched = Instant::now().checked_add(trust).map_or(Watched::Always, Watched::Until);
    }

    /// Declares that changes may go unreported.
    pub fn unwatched(&self) {
        self.known().watched = Watched::No;
    }

    /// Whether a user's data that were read at this time are known to be current.
    #[must_use]
    pub fn is_current(&self, user_id: &str, read_at: DateTime) -> bool {
        let mut known = self.known();
        known.now(&*self.clock);
        let is_watched = match known.watched {
            Watched::No => false,
            Watched::Until(end) => Instant::now() < end,
            Watched::Always => true,
        };
        // A time in the future cannot be compared with the times of changes.
        is_watched && read_at <= self.clock.now() && known.last_change(user_id).is_none_or(|at| at < read_at)
    }

    /// Whether a user's data are known to have changed at or after this time.
    #[must_use]
    pub fn has_changed_since(&self, user_id: &str, time: DateTime) -> bool {
        self.known().last_change(user_id).is_some_and(|at| at >= time)
    }

    fn known(&self) -> MutexGuard<'_, KnownChanges> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomDataObserver for CustomDataChanges {
    fn changed(&self, users: &BTreeSet<String>) {
        let mut known = self.known();
        let now = known.now(&*self.clock);
        known.users.extend(users.iter().map(|user| (user.clone(), now)));
        if known.users.len() > MAX_USERS {
            known.changed_all(now);
        }
    }

    fn changed_all(&self) {
        let mut known = self.known();
        let now = known.now(&*self.clock);
        known.changed_all(now);
    }
}

impl KnownChanges {
    /// The time by the clock, or the latest that it has shown if it was set back: a change must not seem older than data
    /// that were read before it.
    fn now(&mut self, clock: &dyn Clock) -> DateTime {
        let now = self.latest.map_or_else(|| clock.now(), |latest| latest.max(clock.now()));
        self.latest = Some(now);
        now
    }

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
    fn nothing_is_current_without_a_watcher() {
        let changes = CustomDataChanges::default();
        assert!(!changes.is_current("ada", ago(10)));
        changes.watched_for(Duration::from_secs(3600));
        assert!(changes.is_current("ada", ago(10)));
        changes.unwatched();
        assert!(!changes.is_current("ada", ago(10)));
        // The trust has expired.
        changes.watched_for(Duration::ZERO);
        assert!(!changes.is_current("ada", ago(10)));
    }

    #[test]
    fn data_read_before_a_change_is_not_current() {
        let changes = CustomDataChanges::default();
        changes.watched_always();
        // Data that were read before the watch began may have changed before it began.
        assert!(!changes.is_current("ada", ago(10)));
        let changes = CustomDataChanges::default();
        changes.watched_for(Duration::from_secs(3600));
        changes.changed(&users(&["ada"]));
        assert!(!changes.is_current("ada", ago(1000)) && changes.has_changed_since("ada", ago(1000)));
        assert!(changes.is_current("bob", ago(1000)) && !changes.has_changed_since("bob", ago(1000)));
        changes.changed_all();
        assert!(!changes.is_current("bob", ago(1000)) && changes.has_changed_since("bob", ago(1000)));
        // If the clock was set back, the age is unknown.
        assert!(!changes.is_current("eve", ago(-60_000)));
    }

    #[test]
    fn data_read_before_a_change_are_not_current_though_the_clock_was_set_back() {
        struct Settable(Mutex<DateTime>);
        impl Clock for Settable {
            fn now(&self) -> DateTime {
                *self.0.lock().unwrap()
            }
        }
        let (read, earlier, later) = (ago(0), ago(60_000), ago(-60_000));
        let clock = Arc::new(Settable(Mutex::new(read)));
        let changes = CustomDataChanges::default().with_clock(Arc::<Settable>::clone(&clock));
        changes.watched_for(Duration::from_secs(3600));
        assert!(changes.is_current("ada", read));
        *clock.0.lock().unwrap() = earlier;
        changes.changed(&users(&["ada"]));
        assert!(!changes.is_current("ada", read));
        *clock.0.lock().unwrap() = later;
        assert!(!changes.is_current("ada", read));
    }

    #[test]
    fn too_many_changes_affect_every_user() {
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
