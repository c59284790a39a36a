use std::sync::Arc;

use bson::DateTime;

use super::cache::Cache;
use super::{Accounts, LoginError, UserCreation};
use crate::auth::token::{TokenIssuer, TokenProvider};
use crate::auth::{Clock, Selection, SystemClock, Warning};
use crate::store::{Account, AccountState, CustomDataStore, Session};
use crate::user::{CustomData, User};

/// Logs users in and tells who makes a request.
pub struct Authenticator {
    pub(super) issuer: TokenIssuer,
    pub(super) providers: Vec<TokenProvider>,
    pub(super) anonymous: Anonymous,
    pub(super) accounts: Accounts,
    pub(super) custom_data: Option<Arc<dyn CustomDataStore>>,
    pub(super) user_creation: Option<Arc<dyn UserCreation>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) looked_up: Cache,
}

/// Whether users can log in without saying who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anonymous {
    Refused,
    Welcome,
}

impl Authenticator {
    /// One without a provider, in which nobody can log in; without custom data, of which each user then has none.
    #[must_use]
    pub fn new(issuer: TokenIssuer, accounts: Accounts) -> Self {
        Self {
            issuer,
            providers: Vec::new(),
            anonymous: Anonymous::Refused,
            accounts,
            custom_data: None,
            user_creation: None,
            clock: Arc::new(SystemClock),
            looked_up: Cache::default(),
        }
    }

    /// Takes tokens of a third party.
    #[must_use]
    pub fn with_provider(mut self, provider: TokenProvider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Takes anonymous users: the provider `anon-user`.
    #[must_use]
    pub const fn with_anonymous_users(mut self) -> Self {
        self.anonymous = Anonymous::Welcome;
        self
    }

    /// Looks up custom data here.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.custom_data = Some(store);
        self
    }

    /// Calls this before a new user's first token.
    #[must_use]
    pub fn with_user_creation(mut self, function: Arc<dyn UserCreation>) -> Self {
        self.user_creation = Some(function);
        self
    }

    /// Reads the time here.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The users and sessions.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The names of the providers that take tokens.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| provider.provider().name())
    }

    /// The user object of an account, with custom data looked up now.
    pub(super) async fn assemble(&self, account: &Account) -> Result<(User, Vec<Warning>), LoginError> {
        let Selection { document, warnings } = match &self.custom_data {
            None => Selection::default(),
            Some(store) => store.find(&account.id).await?,
        };
        Ok((account.to_user(document.map_or(CustomData::Absent, CustomData::Loaded)), warnings))
    }

    /// A user who may log in, or stay so.
    pub(super) async fn account(&self, id: &str, now: DateTime) -> Result<Account, LoginError> {
        let account = self.accounts.users.find(id).await?.ok_or_else(|| LoginError::UserUnknown(id.to_owned()))?;
        match account.state {
            // No token was ever made for one who is pending.
            AccountState::Pending => Err(LoginError::UserUnknown(account.id)),
            AccountState::Disabled | AccountState::DisabledPending => Err(LoginError::UserDisabled(account.id)),
            AccountState::Active if account.has_expired(now) => Err(LoginError::UserExpired(account.id)),
            AccountState::Active => Ok(account),
        }
    }

    /// The session of a token, if it has not ended.
    pub(super) async fn session(&self, id: &str, user_id: &str, now: DateTime) -> Result<Session, LoginError> {
        let session = self.accounts.sessions.find(id).await?.ok_or(LoginError::SessionEnded)?;
        let lasts = session.expires_at.is_none_or(|end| end > now);
        if lasts && session.user_id == user_id { Ok(session) } else { Err(LoginError::SessionEnded) }
    }
}
