use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use super::cache::age;
use super::verified_tokens::VerifiedToken;
use super::{Authenticated, Authenticator, DataAge, DataSource, LoginError};
use crate::access::KnownUser;
use crate::auth::Warning;
use crate::user::User;

/// How old a user object may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// As old as the access token, whatever has changed since. App Services works like this.
    #[default]
    Snapshot,
    /// Current: the user is looked up for each request.
    Live,
    /// At most this old: the user is looked up unless the token or an earlier lookup is recent enough.
    AtMost(Duration),
    /// As old as the token or an earlier lookup, unless the custom data have changed since. As long as changes are not
    /// reported, the user is looked up for each request: see [`CustomDataChanges`](super::CustomDataChanges).
    UntilChanged,
}

/// The tolerated difference between the clocks of servers that accept each other's tokens: within it, no token counts
/// as newer than a change that it does not include.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

impl Authenticator {
    /// The user of an access token, provided that the session has not ended.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn authenticate(&self, access_token: &str, freshness: Freshness) -> Result<Authenticated, LoginError> {
        let FoundUser { user, age, warnings } = self.find_bearer(access_token, freshness).await?;
        Ok(Authenticated { user: User::clone(&user), age, warnings })
    }

    /// Like [`authenticate`](Self::authenticate), but returns an object that is shared by all requests of the same
    /// token or user.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn bearer(&self, access_token: &str, freshness: Freshness) -> Result<Arc<KnownUser>, LoginError> {
        Ok(self.find_bearer(access_token, freshness).await?.user)
    }

    async fn find_bearer(&self, access_token: &str, freshness: Freshness) -> Result<FoundUser, LoginError> {
        let now = self.clock.now();
        let token = self.verified.find_or_verify(access_token, now, &self.issuer)?;
        let session_age = match freshness {
            Freshness::Live => Duration::ZERO,
            Freshness::Snapshot | Freshness::AtMost(_) | Freshness::UntilChanged => self.session_age,
        };
        self.session_within(&token.session.id, &token.user.id, session_age, now).await?;
        let limit = match freshness {
            Freshness::Snapshot => Duration::MAX,
            Freshness::AtMost(limit) => limit,
            Freshness::Live => return self.find_now(&token.user.id).await,
            Freshness::UntilChanged => return self.unless_changed(&token, now).await,
        };
        if let Some(age) = age(token.issued_at, now).filter(|age| *age <= limit) {
            return Ok(FoundUser::known(Arc::clone(&token.user), DataSource::Token, age));
        }
        match self.looked_up.find(&token.user.id, limit, now) {
            Some((user, age)) => Ok(FoundUser::known(user, DataSource::Store, age)),
            None => self.find_now(&token.user.id).await,
        }
    }

    /// The bearer of a token: as in the token, or in an earlier lookup, if that is known to be current; otherwise
    /// looked up.
    async fn unless_changed(&self, token: &VerifiedToken, now: DateTime) -> Result<FoundUser, LoginError> {
        let is_current = |at| self.changes.as_ref().is_some_and(|changes| changes.is_current(&token.user.id, at));
        if is_current(before(token.issued_at, CLOCK_SKEW))
            && let Some(age) = age(token.issued_at, now)
        {
            return Ok(FoundUser::known(Arc::clone(&token.user), DataSource::Token, age));
        }
        match self.looked_up.find(&token.user.id, Duration::MAX, now) {
            Some((user, age)) if is_current(before(now, age)) => Ok(FoundUser::known(user, DataSource::Store, age)),
            _ => self.find_now(&token.user.id).await,
        }
    }

    /// Whether a user's custom data are known to have changed at or after this time.
    #[must_use]
    pub fn has_changed_since(&self, user_id: &str, time: DateTime) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.has_changed_since(user_id, time))
    }

    async fn find_now(&self, user_id: &str) -> Result<FoundUser, LoginError> {
        let now = self.clock.now();
        let Authenticated { user, age, warnings } = self.assembler.look_up(user_id, now).await?;
        let user = Arc::new(KnownUser::new(user));
        self.looked_up.insert(Arc::clone(&user), now);
        Ok(FoundUser { user, age, warnings })
    }

    /// Looks up the current state of a user.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn look_up(&self, user_id: &str) -> Result<Authenticated, LoginError> {
        let FoundUser { user, age, warnings } = self.find_now(user_id).await?;
        Ok(Authenticated { user: User::clone(&user), age, warnings })
    }

    /// The state of a user at most `limit` ago, as an object that is shared by all requests about the user.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn look_up_within(&self, user_id: &str, limit: Duration) -> Result<Arc<KnownUser>, LoginError> {
        match self.looked_up.find(user_id, limit, self.clock.now()) {
            Some((user, _)) => Ok(user),
            None => Ok(self.find_now(user_id).await?.user),
        }
    }
}

/// Like [`Authenticated`], with a shared user object.
struct FoundUser {
    user: Arc<KnownUser>,
    age: DataAge,
    warnings: Vec<Warning>,
}

impl FoundUser {
    const fn known(user: Arc<KnownUser>, source: DataSource, age: Duration) -> Self {
        Self { user, age: DataAge { source, age }, warnings: Vec::new() }
    }
}

fn before(time: DateTime, span: Duration) -> DateTime {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(time.timestamp_millis().saturating_sub(millis))
}
