use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bson::DateTime;

use super::HttpsJwksOptions;
use portcullis::auth::token::{JwkSet, JwksError, RsaKey};

/// The latest key set, and the outcome of the latest attempt to fetch one.
#[derive(Debug, Default)]
pub(super) struct Cache(RwLock<State>);

#[derive(Clone, Debug, Default)]
struct State {
    set: Option<(Arc<JwkSet>, DateTime)>,
    attempted_at: Option<DateTime>,
    /// The error of the latest attempt, if it failed.
    failure: Option<JwksError>,
}

/// What the cache can say about a `kid`.
pub(super) enum Known {
    /// This is the answer.
    Answer(Result<Option<RsaKey>, JwksError>),
    /// A fetch might yield the key.
    Fetch,
}

impl Cache {
    /// Looks up a `kid` at the time `now`.
    pub(super) fn look_up(&self, kid: &str, now: DateTime, options: &HttpsJwksOptions) -> Known {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let age = state.set.as_ref().map(|(_, fetched_at)| between(*fetched_at, now));
        let found = state.set.as_ref().map(|(set, _)| set.key(kid));
        let usable = |limit: Duration| age.filter(|age| *age < limit).and(found.clone());
        if let Some(Ok(Some(key))) = usable(options.max_age) {
            return Known::Answer(Ok(Some(key.clone())));
        }
        // A newer set may contain the key, or contain only one key with this `kid`.
        if state.attempted_at.is_none_or(|attempted_at| between(attempted_at, now) >= options.pause) {
            return Known::Fetch;
        }
        Known::Answer(match (usable(options.max_stale.max(options.max_age)), state.failure) {
            (Some(Ok(Some(key))), _) => Ok(Some(key.clone())),
            (Some(Err(error)), _) | (_, Some(error)) => Err(error),
            (Some(Ok(None)) | None, None) => Ok(None),
        })
    }

    /// Records the start of an attempt: the pause counts from here, whatever the outcome.
    pub(super) fn attempt(&self, now: DateTime, failure: JwksError) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.attempted_at = Some(now);
        state.failure = Some(failure);
    }

    /// Records the outcome of the attempt made at `now`.
    pub(super) fn settle(&self, now: DateTime, fetched: Result<JwkSet, JwksError>) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(set) => {
                state.set = Some((Arc::new(set), now));
                state.failure = None;
            }
            Err(error) => state.failure = Some(error),
        }
    }
}

/// The distance between two times. As it is never negative, setting the clock back makes a set look old instead of
/// fresh forever.
fn between(one: DateTime, other: DateTime) -> Duration {
    Duration::from_millis(one.timestamp_millis().abs_diff(other.timestamp_millis()))
}
