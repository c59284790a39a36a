use std::time::Duration;

use bson::DateTime;

use super::cache::age;
use super::{Authenticated, Authenticator, DataAge, DataSource, LoginError};
use crate::auth::token::AccessToken;
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
    /// As old as the token, or an earlier lookup, unless the custom data have changed since. Looked up at each request where or while
    /// it is not known what changes: see [`CustomDataChanges`](super::CustomDataChanges).
    UntilChanged,
}

/// By how much the clocks of servers may differ that issue tokens for each other, without a token counting as newer than a change
/// that it does not have.
const SKEW: Duration = Duration::from_secs(5);

impl Authenticator {
    /// The user of an access token, provided that the session has not ended.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn authenticate(&self, access_token: &str, freshness: Freshness) -> Result<Authenticated, LoginError> {
        let now = self.clock.now();
        let token = self.issuer.verify_access(access_token, now)?;
        let session_age = match freshness {
            Freshness::Live => Duration::ZERO,
            Freshness::Snapshot | Freshness::AtMost(_) | Freshness::UntilChanged => self.session_age,
        };
        self.session_within(&token.session.id, &token.user.id, session_age, now).await?;
        let limit = match freshness {
            Freshness::Snapshot => Duration::MAX,
            Freshness::AtMost(limit) => limit,
            Freshness::Live => return self.look_up(&token.user.id).await,
            Freshness::UntilChanged => return self.unless_changed(token, now).await,
        };
        if let Some(age) = age(token.issued_at, now).filter(|age| *age <= limit) {
            return Ok(known(token.user, DataSource::Token, age));
        }
        match self.looked_up.find(&token.user.id, limit, now) {
            Some((user, age)) => Ok(known(user, DataSource::Store, age)),
            None => self.look_up(&token.user.id).await,
        }
    }

    /// The bearer of a token, looked up if the data of the token and of an earlier lookup may have changed since.
    async fn unless_changed(&self, token: AccessToken, now: DateTime) -> Result<Authenticated, LoginError> {
        let is_current = |at| self.changes.as_ref().is_some_and(|changes| changes.is_current(&token.user.id, at));
        if is_current(before(token.issued_at, SKEW))
            && let Some(age) = age(token.issued_at, now)
        {
            return Ok(known(token.user, DataSource::Token, age));
        }
        match self.looked_up.find(&token.user.id, Duration::MAX, now) {
            Some((user, age)) if is_current(before(now, age)) => Ok(known(user, DataSource::Store, age)),
            _ => self.look_up(&token.user.id).await,
        }
    }

    /// Whether the custom data of a user are known to have changed since a time.
    #[must_use]
    pub fn has_changed_since(&self, user_id: &str, time: DateTime) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.has_changed_since(user_id, time))
    }

    /// A user as it is now.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn look_up(&self, user_id: &str) -> Result<Authenticated, LoginError> {
        let now = self.clock.now();
        let found = self.assembler.look_up(user_id, now).await?;
        self.looked_up.insert(found.user.clone(), now);
        Ok(found)
    }

    /// The state of a user at most `limit` ago.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn look_up_within(&self, user_id: &str, limit: Duration) -> Result<Authenticated, LoginError> {
        match self.looked_up.find(user_id, limit, self.clock.now()) {
            Some((user, age)) => {
                let age = DataAge { source: DataSource::Store, age };
                Ok(Authenticated { user, age, warnings: Vec::new() })
            }
            None => self.look_up(user_id).await,
        }
    }
}

const fn known(user: User, source: DataSource, age: Duration) -> Authenticated {
    Authenticated { user, age: DataAge { source, age }, warnings: Vec::new() }
}

fn before(time: DateTime, span: Duration) -> DateTime {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(time.timestamp_millis().saturating_sub(millis))
}
