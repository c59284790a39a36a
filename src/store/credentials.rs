use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// An e-mail address and its password. Registration creates only this; the user is created at the first login, with an
/// [`Identity`](super::Identity) whose id is this one's.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordLogin {
    /// 24 hexadecimal digits.
    pub id: String,
    /// As the client wrote it: addresses are case-sensitive.
    pub email: String,
    /// The hash in PHC form, with its parameters and salt; `None` for a user who was imported and has set no password here yet.
    pub hash: Option<String>,
    /// Whether the address is confirmed. Only a confirmed one can log in.
    pub is_confirmed: bool,
    /// When it was registered.
    pub created_at: DateTime,
}

/// The purpose of a one-time token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// It confirms the address.
    Confirm,
    /// It sets a new password.
    Reset,
}

impl TokenPurpose {
    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }

    /// The purpose with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Confirm, Self::Reset].into_iter().find(|purpose| purpose.name() == name)
    }
}

/// A token sent by mail, stored only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    /// 24 hexadecimal digits.
    pub id: String,
    /// SHA-256 of the token, in hexadecimal digits.
    pub hash: String,
    /// Its purpose.
    pub purpose: TokenPurpose,
    /// The id of the [`PasswordLogin`] that it is for.
    pub login_id: String,
    /// When it expires.
    pub expires_at: DateTime,
}

/// An API key of a user or of a server, stored only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The user's id; `None` for a server key, which is a user of its own.
    pub user_id: Option<String>,
    /// Unique among the keys of the user, or of all servers.
    pub name: String,
    /// SHA-256 of the key, in hexadecimal digits.
    pub hash: String,
    /// Whether it is disabled.
    pub is_disabled: bool,
    /// When it was created.
    pub created_at: DateTime,
}

/// The outcome of adding a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAddition {
    /// It was added.
    Added,
    /// A login with the same id and address exists and stays as it is.
    Unchanged,
    /// Another login has its address.
    AddressTaken,
    /// A login with another address has its id.
    IdTaken,
}

/// The outcome of adding a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAddition {
    /// It was added.
    Added,
    /// Another key of its user has its name.
    NameTaken,
    /// Its user already has the maximum number of keys.
    LimitReached,
}

/// Passwords, one-time tokens and API keys of one application.
pub trait Credentials: Send + Sync {
    /// Adds a login unless its address is taken. Returns whether it was added. Of several concurrent calls for one
    /// address, one succeeds.
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Adds the logins whose ids and addresses are free. Returns one outcome for each, in the same order.
    fn add_logins<'a>(&'a self, logins: &'a [PasswordLogin]) -> BoxFuture<'a, Result<Vec<LoginAddition>, StoreError>>;

    /// The login with this address.
    fn login<'a>(&'a self, email: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// The login with this id.
    fn login_by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// Confirms the address of a login. Returns whether the login exists.
    fn confirm_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Replaces the hash of a login that has one, provided that it equals `expected`, if given. Returns whether it was
    /// replaced. It never sets a first password.
    fn replace_hash<'a>(
        &'a self,
        id: &'a str,
        expected: Option<&'a str>,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Sets the hash of a login, possibly its first. Returns whether the login exists. Only for users who have proven
    /// that they own the address, and for administrators.
    fn set_hash<'a>(&'a self, id: &'a str, hash: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a login and its tokens. Returns whether it existed.
    fn remove_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Stores a token, which replaces earlier ones of the same login and purpose.
    fn put_token<'a>(&'a self, token: &'a OneTimeToken) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Consumes the token with this id, hash and purpose: of several concurrent calls, one gets it. A guess that is
    /// wrong in any of the three leaves the token in place.
    fn take_token<'a>(
        &'a self,
        id: &'a str,
        hash: &'a str,
        purpose: TokenPurpose,
    ) -> BoxFuture<'a, Result<Option<OneTimeToken>, StoreError>>;

    /// Adds a key unless its name is taken, or its user (or all servers together) already has `most` keys. The limit
    /// also holds for concurrent calls.
    fn add_key<'a>(&'a self, key: &'a ApiKey, most: usize) -> BoxFuture<'a, Result<KeyAddition, StoreError>>;

    /// A key.
    fn key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<ApiKey>, StoreError>>;

    /// The keys of a user, or of all servers, in the order of their creation.
    fn keys<'a>(&'a self, user_id: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ApiKey>, StoreError>>;

    /// Disables or enables a key. Returns whether it exists.
    fn set_key_disabled<'a>(&'a self, id: &'a str, is_disabled: bool) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a key. Returns whether it existed.
    fn remove_key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;
}
