use std::fmt;
use std::sync::Arc;

use bson::DateTime;
use tokio::sync::Mutex;

use super::cache::{Cache, Known};
use super::fetch::Fetch;
use super::{HttpsJwksError, HttpsJwksOptions};
use portcullis::BoxFuture;
use portcullis::auth::token::{JwksError, JwksSource, RsaKey};

/// A third party's keys at an HTTPS address.
pub struct HttpsJwks {
    shared: Arc<Shared>,
    /// Held during a fetch, so that others who need one wait for it.
    fetching: Arc<Mutex<()>>,
}

struct Shared {
    fetch: Fetch,
    cache: Cache,
    options: HttpsJwksOptions,
}

impl HttpsJwks {
    /// Creates a source of keys at this address without fetching them.
    ///
    /// # Errors
    /// See [`HttpsJwksError`].
    ///
    /// ```
    /// use portcullis_store::jwks::{HttpsJwks, HttpsJwksError, HttpsJwksOptions};
    /// let new = |address| HttpsJwks::new(address, HttpsJwksOptions::default());
    /// assert_eq!(new("http://login.example.com/jwks.json").unwrap_err(), HttpsJwksError::Address);
    /// ```
    pub fn new(address: &str, options: HttpsJwksOptions) -> Result<Self, HttpsJwksError> {
        let fetch = Fetch::new(address, &options)?;
        let shared = Arc::new(Shared { fetch, cache: Cache::default(), options });
        Ok(Self { shared, fetching: Arc::default() })
    }

    async fn find(&self, kid: &str, now: DateTime) -> Result<Option<RsaKey>, JwksError> {
        let shared = &self.shared;
        let look_up = || shared.cache.look_up(kid, now, &shared.options);
        if let Known::Answer(answer) = look_up()
            && self.is_settled(&answer)
        {
            return answer;
        }
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        if let Known::Answer(answer) = look_up() {
            return answer;
        }
        // A separate task: the caller may drop its future, but the result and the pause concern all callers.
        let fetching = tokio::spawn({
            let shared = Arc::clone(shared);
            async move {
                shared.cache.attempt(now, shared.fetch.unavailable("the last attempt was aborted"));
                let fetched = shared.fetch.fetch().await;
                shared.cache.settle(now, fetched);
                drop(turn);
            }
        });
        if fetching.await.is_err() {
            return Err(shared.fetch.unavailable("the attempt was aborted"));
        }
        match look_up() {
            Known::Answer(answer) => answer,
            Known::Fetch => Err(shared.fetch.unavailable("it responds too slowly")),
        }
    }

    /// Whether an answer is final: one with a key always is, any other only if no fetch is running.
    fn is_settled(&self, answer: &Result<Option<RsaKey>, JwksError>) -> bool {
        matches!(answer, Ok(Some(_))) || self.fetching.try_lock().is_ok()
    }
}

/// Omits the keys.
impl fmt::Debug for HttpsJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsJwks").field("address", &self.shared.fetch.shown).finish_non_exhaustive()
    }
}

impl JwksSource for HttpsJwks {
    fn key<'a>(&'a self, kid: &'a str, now: DateTime) -> BoxFuture<'a, Result<Option<RsaKey>, JwksError>> {
        Box::pin(self.find(kid, now))
    }
}
