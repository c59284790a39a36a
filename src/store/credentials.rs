use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// An e-mail address and the password that belongs to it. Who registers has this only; the user appears at the first login,
/// as an [`Identity`](super::Identity) whose id is this one's.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordLogin {
    /// 24 hexadecimal digits.
    pub id: String,
    /// As the client wrote it: addresses are case-sensitive.
    pub email: String,
    /// The hash in PHC form, with its parameters and salt; `None` for a user who was imported and has set no password here yet.
    pub hash: Option<String>,
    /// Whether the address is confirmed. One that is not cannot log in.
    pub is_confirmed: bool,
    /// When it was registered.
    pub created_at: DateTime,
}

/// What a one-time token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// It confirms the address.
    Confirm,
    /// It sets a new password.
    Reset,
}

impl TokenPurpose {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }

    /// The purpose of a word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Confirm, Self::Reset].into_iter().find(|purpose| purpose.name() == name)
    }
}

/// A token sent by mail. Of the token itself only a hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    /// 24 hexadecimal digits.
    pub id: String,
    /// SHA-256 of the token, in hexadecimal digits.
    pub hash: String,
    /// What it is good for.
    pub purpose: TokenPurpose,
    /// The [`PasswordLogin`] that it is for.
    pub login_id: String,
    /// When it ends.
    pub expires_at: DateTime,
}

/// An API key of a user, or of a server. Of the key itself only a hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// 24 hexadecimal digits.
    pub id: String,
    /// Whose it is; `None` for the key of a server, which is a user of its own.
    pub user_id: Option<String>,
    /// Unique among the keys of the user, or of all servers.
    pub name: String,
    /// SHA-256 of the key, in hexadecimal digits.
    pub hash: String,
    /// Whether it is good for no login at present.
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: DateTime,
}

/// What became of a login that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAddition {
    /// It was added.
    Added,
    /// One of the same id and address is there; it stays as it is.
    Unchanged,
    /// Its address is that of another login.
    AddressTaken,
    /// Its id is that of a login of another address.
    IdTaken,
}

/// What became of a key that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAddition {
    /// It was added.
    Added,
    /// Another key of its user has its name.
    NameTaken,
    /// Its user has as many keys as there may be.
    LimitReached,
}

/// Passwords, one-time tokens and API keys of one application.
pub trait Credentials: Send + Sync {
    /// Adds a login unless its address is taken; whether it was added. Of several at once for one address one succeeds.
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Adds logins whose ids and addresses are free; one outcome each, in the same order.
    fn add_logins<'a>(&'a self, logins: &'a [PasswordLogin]) -> BoxFuture<'a, Result<Vec<LoginAddition>, StoreError>>;

    /// The login of an address.
    fn login<'a>(&'a self, email: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// The login of an id.
    fn login_by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// Confirms the address of a login; whether it was there.
    fn confirm_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Replaces the hash of a login that has one, if it is `expected` where that is given; whether it was replaced. It never sets a
    /// first password.
    fn replace_hash<'a>(
        &'a self,
        id: &'a str,
        expected: Option<&'a str>,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Sets the hash of a login, be it the first; whether the login was there. Only for whoever has shown that the address is
    /// theirs, and for administrators.
    fn set_hash<'a>(&'a self, id: &'a str, hash: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a login and its tokens; whether it was there.
    fn remove_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Keeps a token, and forgets the earlier ones of the same login and purpose.
    fn put_token<'a>(&'a self, token: &'a OneTimeToken) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Takes a token of this id, hash and purpose, which is gone then: of several at once one gets it. A guess that is wrong in
    /// any of them leaves the token where it is.
    fn take_token<'a>(
        &'a self,
        id: &'a str,
        hash: &'a str,
        purpose: TokenPurpose,
    ) -> BoxFuture<'a, Result<Option<OneTimeToken>, StoreError>>;

    /// Adds a key unless its name is taken or its user, or all servers together, have `most` keys. However many are added at once,
    /// there are never more.
    fn add_key<'a>(&'a self, key: &'a ApiKey, most: usize) -> BoxFuture<'a, Result<KeyAddition, StoreError>>;

    /// A key.
    fn key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<ApiKey>, StoreError>>;

    /// The keys of a user, or of servers, in the order in which they were made.
    fn keys<'a>(&'a self, user_id: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ApiKey>, StoreError>>;

    /// Disables or enables a key; whether it was there.
    fn set_key_disabled<'a>(&'a self, id: &'a str, is_disabled: bool) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a key; whether it was there.
    fn remove_key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;
}
