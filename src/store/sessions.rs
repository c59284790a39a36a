use std::time::Duration;

use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// A session. Every token belongs to one and becomes invalid when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id of the session: the claim `iss` of access tokens, `baas_id` of refresh tokens.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The id of the device: the claim `baas_device_id`.
    pub device_id: String,
    /// When the session started.
    pub started_at: DateTime,
    /// When the session expires; `None` if it does not.
    pub expires_at: Option<DateTime>,
    /// The API key with which it was started, if any. The session ends with the key.
    pub key_id: Option<String>,
}

/// The sessions of one application that have not ended.
pub trait Sessions: Send + Sync {
    /// Starts a session.
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The session with this id; `None` if it does not exist or has ended. Callers must check the expiry themselves.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>>;

    /// Like [`find`](Self::find), but may return a session that was cached up to `limit` ago. Sessions that were ended
    /// through this value are never returned.
    fn find_within<'a>(&'a self, id: &'a str, limit: Duration) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        let _ = limit;
        self.find(id)
    }

    /// Like [`find`](Self::find), for several sessions; the results are in the order of the IDs.
    fn find_all<'a>(&'a self, ids: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Option<Session>>, StoreError>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(self.find(id).await?);
            }
            Ok(found)
        })
    }

    /// Ends a session: logs out. Returns whether there was one.
    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Ends all sessions of a user. Returns how many there were.
    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Ends the sessions that a user started with an API key. Returns how many there were.
    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes sessions that expired before the given time. Returns how many there were.
    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>>;
}
