use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use super::cache::Cache;
use super::{Accounts, LoginError, Takeover, UserAssembler, UserCreation};
use crate::auth::token::{TokenIssuer, TokenProvider};
use crate::clock::{Clock, SystemClock};
use crate::store::{CustomDataStore, Session};

/// Logs users in and identifies the user who makes a request.
pub struct Authenticator {
    pub(super) issuer: TokenIssuer,
    pub(super) provider: Option<TokenProvider>,
    pub(super) anonymous: Anonymous,
    pub(super) assembler: UserAssembler,
    pub(super) user_creation: Option<Arc<dyn UserCreation>>,
    pub(super) takeover: Option<Arc<dyn Takeover>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) looked_up: Cache,
    pub(super) session_age: Duration,
}

/// Whether anonymous login is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anonymous {
    Refused,
    Welcome,
}

impl Authenticator {
    /// An authenticator without a provider, so that nobody can log in. Nor can anyone until
    /// [`with_custom_data`](Self::with_custom_data) or [`without_custom_data`](Self::without_custom_data) has been
    /// called.
    #[must_use]
    pub fn new(issuer: TokenIssuer, accounts: Accounts) -> Self {
        Self {
            issuer,
            provider: None,
            anonymous: Anonymous::Refused,
            assembler: UserAssembler::new(accounts),
            user_creation: None,
            takeover: None,
            clock: Arc::new(SystemClock),
            looked_up: Cache::default(),
            session_age: Duration::ZERO,
        }
    }

    /// Accepts third-party tokens of this provider, which replaces any set before. As in App Services there can be only
    /// one: users are identified by the type of their provider and `sub`, so that a second one could impersonate users
    /// of the first.
    #[must_use]
    pub fn with_provider(mut self, provider: TokenProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Enables anonymous login: the provider `anon-user`.
    #[must_use]
    pub const fn with_anonymous_users(mut self) -> Self {
        self.anonymous = Anonymous::Welcome;
        self
    }

    /// Sets the custom-data store.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.assembler = self.assembler.with_custom_data(store);
        self
    }

    /// Declares that the application has no custom data: no user has any.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.assembler = self.assembler.without_custom_data();
        self
    }

    /// Calls this before a new user's first token.
    #[must_use]
    pub fn with_user_creation(mut self, function: Arc<dyn UserCreation>) -> Self {
        self.user_creation = Some(function);
        self
    }

    /// Lets third-party tokens take over imported users. Without it, none can.
    #[must_use]
    pub fn with_takeover(mut self, takeover: Arc<dyn Takeover>) -> Self {
        self.takeover = Some(takeover);
        self
    }

    /// Takes a session for one that lasts if it did so long ago, where nothing but a request depends on it. Its end elsewhere may be
    /// noticed so much later. Without this, every request asks the store.
    #[must_use]
    pub const fn with_session_age(mut self, limit: Duration) -> Self {
        self.session_age = limit;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The users and sessions.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.assembler.accounts
    }

    /// The name of the provider that accepts third-party tokens.
    #[must_use]
    pub fn provider_name(&self) -> Option<&str> {
        self.provider.as_ref().map(|provider| provider.provider().name())
    }

    /// The session of a token, if it has not ended.
    pub(super) async fn session(&self, id: &str, user_id: &str, now: DateTime) -> Result<Session, LoginError> {
        self.session_within(id, user_id, Duration::ZERO, now).await
    }

    /// As [`session`](Self::session), as far as it was known `limit` ago.
    pub(super) async fn session_within(
        &self,
        id: &str,
        user_id: &str,
        limit: Duration,
        now: DateTime,
    ) -> Result<Session, LoginError> {
        let sessions = &self.assembler.accounts.sessions;
        let found = if limit.is_zero() { sessions.find(id).await? } else { sessions.find_within(id, limit).await? };
        let Some(session) = found else {
            // Disabling a user ends their sessions. A client that is told so need not try to refresh.
            return Err(match self.assembler.account(user_id, now).await {
                Err(disabled @ LoginError::UserDisabled(_)) => disabled,
                _ => LoginError::SessionEnded,
            });
        };
        let lasts = session.expires_at.is_none_or(|end| end > now);
        if lasts && session.user_id == user_id { Ok(session) } else { Err(LoginError::SessionEnded) }
    }
}
