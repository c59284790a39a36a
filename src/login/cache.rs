use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bson::DateTime;

use crate::user::User;

/// How many users are remembered.
const MAX_USERS: usize = 10_000;

/// The users looked up last, each with the time.
#[derive(Debug, Default)]
pub(super) struct Cache {
    users: Mutex<HashMap<String, (DateTime, User)>>,
}

impl Cache {
    /// A user looked up at most `limit` ago, and how long ago.
    pub(super) fn find(&self, id: &str, limit: Duration, now: DateTime) -> Option<(User, Duration)> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, user) = users.get(id)?;
        let age = age(*at, now)?;
        (age <= limit).then(|| (user.clone(), age))
    }

    /// Remembers a user. Where there is no room, all others are forgotten: they are looked up again when they come.
    pub(super) fn insert(&self, user: User, now: DateTime) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MAX_USERS && !users.contains_key(&user.id) {
            users.clear();
        }
        users.insert(user.id.clone(), (now, user));
    }

    /// Forgets a user.
    pub(super) fn remove(&self, id: &str) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// How long ago a time was; none if it is still to come.
pub(super) fn age(at: DateTime, now: DateTime) -> Option<Duration> {
    let millis = now.timestamp_millis().checked_sub(at.timestamp_millis())?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}
