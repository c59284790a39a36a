use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::DateTime;

use super::{Session, Sessions, StoreError};
use crate::future::BoxFuture;

/// The maximum number of sessions in the cache.
const MAX_SESSIONS: usize = 10_000;

/// The maximum total length in bytes of the strings in a cached session.
const MAX_TEXT: usize = 1024;

/// A cache of sessions, so that not every request has to query the store.
///
/// A session that ends in this process is removed from the cache before that is acknowledged. One that ends in another
/// process stays valid here for as long as [`find_within`](Sessions::find_within) permits. Sessions that are not found
/// are not cached, because they may have just started in another process.
pub struct RecentSessions {
    sessions: Arc<dyn Sessions>,
    known: Mutex<CachedSessions>,
}

#[derive(Default)]
struct CachedSessions {
    /// The cached sessions by id, each with the time just before the store was queried.
    found: HashMap<String, (Instant, Session)>,
    /// The number of times that sessions have ended in this process. If it changed during a query, the result may be
    /// outdated.
    ends: u64,
}

impl RecentSessions {
    /// Creates a cache in front of a store. All code in this process that ends sessions must use the same value.
    #[must_use]
    pub fn new(sessions: Arc<dyn Sessions>) -> Self {
        Self { sessions, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, CachedSessions> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes sessions from the cache when the result is dropped. This includes the case that ending them fails or is
    /// cancelled, because they may have ended nevertheless.
    fn forget_at_end<M: Fn(&Session) -> bool>(&self, which: M) -> Ending<'_, M> {
        Ending { sessions: self, which }
    }
}

struct Ending<'a, M: Fn(&Session) -> bool> {
    sessions: &'a RecentSessions,
    which: M,
}

impl<M: Fn(&Session) -> bool> Drop for Ending<'_, M> {
    fn drop(&mut self) {
        let mut known = self.sessions.known();
        known.ends = known.ends.wrapping_add(1);
        known.found.retain(|_, (_, session)| !(self.which)(session));
    }
}

impl CachedSessions {
    fn insert(&mut self, asked: Instant, session: &Session) {
        let Session { id, user_id, device_id, key_id, .. } = session;
        let text = [id, user_id, device_id].map(String::len).iter().sum::<usize>();
        if text.saturating_add(key_id.as_ref().map_or(0, String::len)) > MAX_TEXT {
            return;
        }
        // If the cache is full, it is cleared, and sessions are cached again as they are used.
        if self.found.len() >= MAX_SESSIONS {
            self.found.clear();
        }
        self.found.insert(id.clone(), (asked, session.clone()));
    }
}

impl Sessions for RecentSessions {
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>> {
        self.sessions.start(session)
    }

    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        self.sessions.find(id)
    }

    fn find_all<'a>(&'a self, ids: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<Session>>, StoreError>> {
        self.sessions.find_all(ids)
    }

    fn find_within<'a>(&'a self, id: &'a str, limit: Duration) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let ends = {
                let known = self.known();
                if let Some((asked, session)) = known.found.get(id)
                    && asked.elapsed() <= limit
                {
                    return Ok(Some(session.clone()));
                }
                known.ends
            };
            // The age counts from before the query.
            let asked = Instant::now();
            let found = self.sessions.find(id).await?;
            let mut known = self.known();
            match &found {
                Some(session) if known.ends == ends => known.insert(asked, session),
                Some(_) => {}
                None => drop(known.found.remove(id)),
            }
            drop(known);
            Ok(found)
        })
    }

    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let _forgets = self.forget_at_end(|session| session.id == id);
            self.sessions.end(id).await
        })
    }

    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let _forgets = self.forget_at_end(|session| session.user_id == user_id);
            self.sessions.end_all(user_id).await
        })
    }

    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let _forgets = self.forget_at_end(|session| session.key_id.as_deref() == Some(key_id));
            self.sessions.end_of_key(user_id, key_id).await
        })
    }

    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.sessions.purge(expired_before)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A store in memory that counts queries and can delay its replies.
    #[derive(Default)]
    struct Store {
        sessions: Mutex<HashMap<String, Session>>,
        asked: AtomicUsize,
        is_slow: std::sync::atomic::AtomicBool,
    }

    impl Store {
        fn end(&self, which: impl Fn(&Session) -> bool) -> u64 {
            let mut sessions = self.sessions.lock().unwrap();
            let before = sessions.len();
            sessions.retain(|_, session| !which(session));
            u64::try_from(before - sessions.len()).unwrap()
        }
    }

    impl Sessions for Store {
        fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>> {
            self.sessions.lock().unwrap().insert(session.id.clone(), session.clone());
            Box::pin(async { Ok(()) })
        }

        fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
            Box::pin(async move {
                self.asked.fetch_add(1, Ordering::Relaxed);
                let found = self.sessions.lock().unwrap().get(id).cloned();
                std::future::poll_fn(|_| match self.is_slow.load(Ordering::Relaxed) {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                })
                .await;
                Ok(found)
            })
        }

        fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
            Box::pin(async move { Ok(self.end(|session| session.id == id) > 0) })
        }

        fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
            Box::pin(async move { Ok(self.end(|session| session.user_id == user_id)) })
        }

        fn end_of_key<'a>(&'a self, _: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
            Box::pin(async move { Ok(self.end(|session| session.key_id.as_deref() == Some(key_id))) })
        }

        fn purge(&self, _: DateTime) -> BoxFuture<'_, Result<u64, StoreError>> {
            Box::pin(async { Ok(0) })
        }
    }

    fn session(id: &str) -> Session {
        Session {
            id: id.to_owned(),
            user_id: "ada".to_owned(),
            device_id: "device".to_owned(),
            started_at: DateTime::from_millis(0),
            expires_at: None,
            key_id: Some("key".to_owned()),
        }
    }

    fn poll<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn now<T>(mut future: BoxFuture<'_, T>) -> T {
        match poll(&mut future) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the store did not answer"),
        }
    }

    fn recent(ids: &[&str]) -> (Arc<Store>, RecentSessions) {
        let store = Arc::new(Store::default());
        for id in ids {
            now(Sessions::start(&*store, &session(id))).unwrap();
        }
        (Arc::clone(&store), RecentSessions::new(store))
    }

    #[test]
    fn a_session_is_looked_up_once_within_the_time_limit() {
        let (store, recent) = recent(&["1"]);
        for _ in 0..3 {
            assert_eq!(now(recent.find_within("1", HOUR)).unwrap(), Some(session("1")));
        }
        assert_eq!(store.asked.load(Ordering::Relaxed), 1);
        // A session that is ended elsewhere remains valid for the limit, but not longer, and for a query without a
        // limit not at all.
        store.end(|_| true);
        assert!(now(recent.find_within("1", HOUR)).unwrap().is_some());
        assert_eq!(now(recent.find("1")).unwrap(), None);
        assert_eq!(now(recent.find_within("1", Duration::ZERO)).unwrap(), None);
        assert_eq!(now(recent.find_within("1", HOUR)).unwrap(), None);
    }

    #[test]
    fn an_unknown_session_is_looked_up_every_time() {
        let (_, recent) = recent(&[]);
        assert_eq!(now(recent.find_within("1", HOUR)).unwrap(), None);
        now(recent.start(&session("1"))).unwrap();
        assert!(now(recent.find_within("1", HOUR)).unwrap().is_some());
    }

    #[test]
    fn a_session_ended_by_this_process_ends_immediately() {
        type End = fn(&RecentSessions) -> u64;
        let ends: [(&str, End); 3] = [
            ("the session", |recent| u64::from(now(recent.end("1")).unwrap())),
            ("the user", |recent| now(recent.end_all("ada")).unwrap()),
            ("the key", |recent| now(recent.end_of_key("ada", "key")).unwrap()),
        ];
        for (name, end) in ends {
            let (_, recent) = recent(&["1"]);
            assert!(now(recent.find_within("1", HOUR)).unwrap().is_some());
            assert_eq!(end(&recent), 1, "{name}");
            assert_eq!(now(recent.find_within("1", HOUR)).unwrap(), None, "{name}");
        }
    }

    #[test]
    fn a_session_that_ends_during_its_lookup_is_not_cached() {
        let (store, recent) = recent(&["1"]);
        store.is_slow.store(true, Ordering::Relaxed);
        let mut found = recent.find_within("1", HOUR);
        assert!(poll(&mut found).is_pending());
        assert!(now(recent.end("1")).unwrap());
        store.is_slow.store(false, Ordering::Relaxed);
        // The session existed when the store was queried.
        assert!(matches!(poll(&mut found), Poll::Ready(Ok(Some(_)))));
        assert_eq!(now(recent.find_within("1", HOUR)).unwrap(), None);
    }

    #[test]
    fn cached_sessions_are_limited_in_number_and_size() {
        let (store, recent) = recent(&[]);
        let large = Session { device_id: "d".repeat(MAX_TEXT), ..session("1") };
        now(recent.start(&large)).unwrap();
        for _ in 0..2 {
            assert!(now(recent.find_within("1", HOUR)).unwrap().is_some());
        }
        assert_eq!(store.asked.load(Ordering::Relaxed), 2);
        for number in 0..=MAX_SESSIONS {
            recent.known().insert(Instant::now(), &session(&number.to_string()));
        }
        assert_eq!(recent.known().found.len(), 1);
    }
}
