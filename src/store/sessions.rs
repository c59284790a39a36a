use std::time::Duration;

use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// A session: every token belongs to one, and is invalid once it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: the claim `iss` of access tokens, `baas_id` of refresh tokens.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The device, the claim `baas_device_id`.
    pub device_id: String,
    /// When it began.
    pub started_at: DateTime,
    /// When it expires, if it does.
    pub expires_at: Option<DateTime>,
    /// The API key that opened it, if any: the session ends with the key.
    pub key_id: Option<String>,
}

/// The sessions of one application that have not ended.
pub trait Sessions: Send + Sync {
    /// Begins a session.
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>>;

    /// A session; `None` if it does not exist or was ended. Callers must check the expiry themselves.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>>;

    /// As [`find`](Self::find); what was found up to `limit` ago may count. A session that was ended by this value does not.
    fn find_within<'a>(&'a self, id: &'a str, limit: Duration) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        let _ = limit;
        self.find(id)
    }

    /// Ends a session: logs out. Returns whether there was one.
    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Ends every session of a user. Returns their number.
    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Ends the sessions that a user opened with an API key. Returns their number.
    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Removes the sessions that expired before a time. Returns their number.
    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>>;
}
