use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// A login that lasts: every token names one, and is worth nothing once it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id: the claim `iss` of access tokens, `baas_id` of refresh tokens.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// The device, the claim `baas_device_id`.
    pub device_id: String,
    /// When it began.
    pub started_at: DateTime,
    /// When it ends by itself, if it does.
    pub expires_at: Option<DateTime>,
    /// The API key that opened it, if one did: it ends with the key.
    pub key_id: Option<String>,
}

/// The sessions of one application that have not ended.
pub trait Sessions: Send + Sync {
    /// Begins one.
    fn start<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), StoreError>>;

    /// A session; `None` if it does not exist or was ended. Callers must check the expiration themselves.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>>;

    /// Ends a session: logs out. Whether there was one.
    fn end<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Ends every session of a user; how many there were.
    fn end_all<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Ends the sessions of a user that an API key opened; how many there were.
    fn end_of_key<'a>(&'a self, user_id: &'a str, key_id: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Forgets the sessions that expired before a time; how many there were.
    fn purge(&self, expired_before: DateTime) -> BoxFuture<'_, Result<u64, StoreError>>;
}
