use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::DateTime;

use crate::access::KnownUser;

/// The maximum number of users in the cache.
const MAX_USERS: usize = 10_000;

/// The maximum total size of their BSON in bytes: 64 MiB. Custom data of a single user may take 1 MiB.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A cache of users, each with the time of the lookup.
#[derive(Debug, Default)]
pub(super) struct Cache {
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    entries: HashMap<String, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    at: DateTime,
    user: Arc<KnownUser>,
    bytes: usize,
}

impl Cache {
    /// A user looked up at most `limit` ago, and the time since.
    pub(super) fn find(&self, id: &str, limit: Duration, now: DateTime) -> Option<(Arc<KnownUser>, Duration)> {
        let users = self.users();
        let Entry { at, user, .. } = users.entries.get(id)?;
        let age = age(*at, now)?;
        (age <= limit).then(|| (Arc::clone(user), age))
    }

    /// Caches a user. If there is no room, the cache is emptied first: other users are looked up again when needed.
    pub(super) fn insert(&self, user: Arc<KnownUser>, now: DateTime) {
        let bytes = user.to_document().to_vec().map(|bytes| bytes.len());
        let mut users = self.users();
        users.remove(&user.id);
        // If the size of a user cannot be determined, the user is not cached.
        let Ok(bytes) = bytes else { return };
        if users.entries.len() >= MAX_USERS || users.bytes.saturating_add(bytes) > MAX_BYTES {
            *users = Users::default();
        }
        users.bytes = users.bytes.saturating_add(bytes);
        users.entries.insert(user.id.clone(), Entry { at: now, user, bytes });
    }

    /// Removes a user.
    pub(super) fn remove(&self, id: &str) {
        self.users().remove(id);
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn remove(&mut self, id: &str) {
        let bytes = self.entries.remove(id).map_or(0, |entry| entry.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// The time since a moment; `None` if that is in the future.
pub(super) fn age(at: DateTime, now: DateTime) -> Option<Duration> {
    let millis = now.timestamp_millis().checked_sub(at.timestamp_millis())?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}
