use std::sync::Arc;

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
}

/// Whether users can log in without saying who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anonymous {
    Refused,
    Welcome,
}

impl Authenticator {
    /// One without a provider, in which nobody can log in. Nobody can before it was said, too, where custom data is: see
    /// [`with_custom_data`](Self::with_custom_data) and [`without_custom_data`](Self::without_custom_data).
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
        }
    }

    /// Takes tokens of a third party, in place of any that it took before. There is one, as App Services had it: users
    /// are known by the type of their provider and `sub`, so that a second one could speak for users of the first.
    #[must_use]
    pub fn with_provider(mut self, provider: TokenProvider) -> Self {
        self.provider = Some(provider);
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
        self.assembler = self.assembler.with_custom_data(store);
        self
    }

    /// Says that the application has no custom data: each user then has none.
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

    /// Lets third parties' tokens take over imported users. Without it, none do.
    #[must_use]
    pub fn with_takeover(mut self, takeover: Arc<dyn Takeover>) -> Self {
        self.takeover = Some(takeover);
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
        &self.assembler.accounts
    }

    /// The name of the provider that takes tokens.
    #[must_use]
    pub fn provider_name(&self) -> Option<&str> {
        self.provider.as_ref().map(|provider| provider.provider().name())
    }

    /// The session of a token, if it has not ended.
    pub(super) async fn session(&self, id: &str, user_id: &str, now: DateTime) -> Result<Session, LoginError> {
        let Some(session) = self.assembler.accounts.sessions.find(id).await? else {
            // Disabling a user ends the sessions; who is told so must not try in vain to refresh.
            return Err(match self.assembler.account(user_id, now).await {
                Err(disabled @ LoginError::UserDisabled(_)) => disabled,
                _ => LoginError::SessionEnded,
            });
        };
        let lasts = session.expires_at.is_none_or(|end| end > now);
        if lasts && session.user_id == user_id { Ok(session) } else { Err(LoginError::SessionEnded) }
    }
}
