use bson::DateTime;

use super::StoreError;
use crate::future::BoxFuture;

/// An e-mail address with its password. Registering creates only this; the user is created at the first login, with an
/// [`Identity`](super::Identity) of the same id.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordLogin {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The address as written by the client. Addresses are case-sensitive.
    pub email: String,
    /// The password hash in PHC format, which includes parameters and salt; `None` for an imported user who has not set
    /// a password here.
    pub hash: Option<String>,
    /// Whether the address is confirmed, which is required for logging in.
    pub is_confirmed: bool,
    /// The time of registration.
    pub created_at: DateTime,
}

/// The purpose of a one-time token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Confirming an address.
    Confirm,
    /// Setting a new password.
    Reset,
}

impl TokenPurpose {
    /// The name of the purpose.
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

/// A token sent by mail, of which only the hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The SHA-256 hash of the token, in hexadecimal.
    pub hash: String,
    /// Its purpose.
    pub purpose: TokenPurpose,
    /// The id of the [`PasswordLogin`] that it applies to.
    pub login_id: String,
    /// When it expires.
    pub expires_at: DateTime,
}

/// An API key of a user or a server, of which only the hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The id of the user; `None` for a server key, which is a user by itself.
    pub user_id: Option<String>,
    /// The name, which is unique among the keys of the user or among all server keys.
    pub name: String,
    /// The SHA-256 hash of the key, in hexadecimal.
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
    /// The same login exists already, and was left unchanged.
    Unchanged,
    /// Another login has the same address.
    AddressTaken,
    /// Another login has the same id.
    IdTaken,
}

/// The outcome of adding a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAddition {
    /// It was added.
    Added,
    /// Another key of the user has the same name.
    NameTaken,
    /// The user already has the maximum number of keys.
    LimitReached,
}

/// Passwords, one-time tokens and API keys of one application.
pub trait Credentials: Send + Sync {
    /// Adds a login unless its address is taken. Returns whether it was added. Of concurrent calls for the same
    /// address, one succeeds.
    fn add_login<'a>(&'a self, login: &'a PasswordLogin) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Adds the logins whose ids and addresses are not taken. Returns the outcome of each, in the same order.
    fn add_logins<'a>(&'a self, logins: &'a [PasswordLogin]) -> BoxFuture<'a, Result<Vec<LoginAddition>, StoreError>>;

    /// The login with this address.
    fn login<'a>(&'a self, email: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// The login with this id.
    fn login_by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<PasswordLogin>, StoreError>>;

    /// Confirms the address of a login. Returns whether the login exists.
    fn confirm_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Replaces the password hash of a login, provided that there is one and that it equals `expected`, if given.
    /// Returns whether it was replaced. This never sets a first password.
    fn replace_hash<'a>(
        &'a self,
        id: &'a str,
        expected: Option<&'a str>,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Sets the password hash of a login, whether or not there was one. Returns whether the login exists. This is only
    /// for administrators, and for users who have proven that they own the address.
    fn set_hash<'a>(&'a self, id: &'a str, hash: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a login with its tokens. Returns whether it existed.
    fn remove_login<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Stores a token, replacing any other for the same login and purpose.
    fn put_token<'a>(&'a self, token: &'a OneTimeToken) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Removes and returns the token with this id, hash and purpose. Of concurrent calls, one gets it. If any of the
    /// three differs, the token remains.
    fn take_token<'a>(
        &'a self,
        id: &'a str,
        hash: &'a str,
        purpose: TokenPurpose,
    ) -> BoxFuture<'a, Result<Option<OneTimeToken>, StoreError>>;

    /// Adds a key, unless its name is taken or its user already has `most` keys. All server keys together count as
    /// those of one user. The limit holds for concurrent calls, too.
    fn add_key<'a>(&'a self, key: &'a ApiKey, most: usize) -> BoxFuture<'a, Result<KeyAddition, StoreError>>;

    /// The key with this id.
    fn key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<ApiKey>, StoreError>>;

    /// The keys of a user or, with `None`, of all servers, in the order of creation.
    fn keys<'a>(&'a self, user_id: Option<&'a str>) -> BoxFuture<'a, Result<Vec<ApiKey>, StoreError>>;

    /// Disables or enables a key. Returns whether it exists.
    fn set_key_disabled<'a>(&'a self, id: &'a str, is_disabled: bool) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes a key. Returns whether it existed.
    fn remove_key<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;
}
