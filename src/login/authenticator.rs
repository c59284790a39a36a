use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use super::cache::Cache;
use super::verified_tokens::VerifiedTokens;
use super::{Accounts, CustomDataChanges, LoginError, Takeover, UserAssembler, UserCreation};
use crate::auth::token::{TokenIssuer, TokenProvider};
use crate::clock::{Clock, SystemClock};
use crate::store::{Account, CustomDataStore, Session};

/// Logs users in, and identifies the users of requests.
pub struct Authenticator {
    pub(super) issuer: TokenIssuer,
    pub(super) provider: Option<TokenProvider>,
    pub(super) anonymous: Anonymous,
    pub(super) assembler: UserAssembler,
    pub(super) user_creation: Option<Arc<dyn UserCreation>>,
    pub(super) takeover: Option<Arc<dyn Takeover>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) looked_up: Cache,
    pub(super) verified: VerifiedTokens,
    pub(super) session_age: Duration,
    pub(super) changes: Option<Arc<CustomDataChanges>>,
}

/// Whether anonymous users can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anonymous {
    Refused,
    Welcome,
}

impl Authenticator {
    /// Creates an authenticator without providers. Nobody can log in before a provider is added and
    /// [`with_custom_data`](Self::with_custom_data) or [`without_custom_data`](Self::without_custom_data) is called.
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
            verified: VerifiedTokens::default(),
            session_age: Duration::ZERO,
            changes: None,
        }
    }

    /// Sets the provider whose third-party tokens are accepted. As in App Services, there can be only one: users are
    /// identified by the type of their provider and `sub`, so a second provider could impersonate users of the first.
    #[must_use]
    pub fn with_provider(mut self, provider: TokenProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Enables anonymous logins, as the provider `anon-user` does.
    #[must_use]
    pub const fn with_anonymous_users(mut self) -> Self {
        self.anonymous = Anonymous::Welcome;
        self
    }

    /// Sets the store in which custom data is looked up.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.assembler = self.assembler.with_custom_data(store);
        self
    }

    /// Declares that the application does not use custom data.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.assembler = self.assembler.without_custom_data();
        self
    }

    /// Sets the user-creation function, which is called before a new user gets the first token.
    #[must_use]
    pub fn with_user_creation(mut self, function: Arc<dyn UserCreation>) -> Self {
        self.user_creation = Some(function);
        self
    }

    /// Sets the rule by which third-party tokens take over imported users. Without it, they cannot.
    #[must_use]
    pub fn with_takeover(mut self, takeover: Arc<dyn Takeover>) -> Self {
        self.takeover = Some(takeover);
        self
    }

    /// Sets for how long a session that was found may be assumed to exist, where nothing but a request depends on it.
    /// If a session ends in another process, this one may notice up to `limit` later. By default, every request queries
    /// the store.
    #[must_use]
    pub const fn with_session_age(mut self, limit: Duration) -> Self {
        self.session_age = limit;
        self
    }

    /// Sets the record of changes to custom data, for [`Freshness::UntilChanged`](super::Freshness::UntilChanged).
    #[must_use]
    pub fn with_custom_data_changes(mut self, changes: Arc<CustomDataChanges>) -> Self {
        self.changes = Some(changes);
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The administration of users and sessions.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.assembler.accounts
    }

    /// The name of the provider that accepts third-party tokens.
    #[must_use]
    pub fn provider_name(&self) -> Option<&str> {
        self.provider.as_ref().map(|provider| provider.provider().name())
    }

    /// The session of a token, provided that it has not ended.
    pub(super) async fn session(&self, id: &str, user_id: &str, now: DateTime) -> Result<Session, LoginError> {
        self.session_within(id, user_id, Duration::ZERO, now).await
    }

    /// Like [`session`](Self::session), but may use what was found up to `limit` ago.
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
            return Err(lost(self.assembler.account(user_id, now).await));
        };
        standing(session, user_id, now)
    }
}

/// The error for a missing session. Disabling a user ends their sessions: the error then says so, and the client need
/// not try to refresh the token.
pub(super) fn lost(account: Result<Account, LoginError>) -> LoginError {
    match account {
        Err(disabled @ LoginError::UserDisabled(_)) => disabled,
        _ => LoginError::SessionEnded,
    }
}

/// The session, if it is the user's and has not expired.
pub(super) fn standing(session: Session, user_id: &str, now: DateTime) -> Result<Session, LoginError> {
    let lasts = session.expires_at.is_none_or(|end| end > now);
    if lasts && session.user_id == user_id { Ok(session) } else { Err(LoginError::SessionEnded) }
}
