use std::time::Duration;

use super::cache::age;
use super::{Authenticated, Authenticator, DataAge, DataSource, LoginError};

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
}

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
            Freshness::Snapshot | Freshness::AtMost(_) => self.session_age,
        };
        self.session_within(&token.session.id, &token.user.id, session_age, now).await?;
        let limit = match freshness {
            Freshness::Snapshot => Duration::MAX,
            Freshness::AtMost(limit) => limit,
            Freshness::Live => return self.look_up(&token.user.id).await,
        };
        let known = |user, source, age| Authenticated { user, age: DataAge { source, age }, warnings: Vec::new() };
        if let Some(age) = age(token.issued_at, now).filter(|age| *age <= limit) {
            return Ok(known(token.user, DataSource::Token, age));
        }
        match self.looked_up.find(&token.user.id, limit, now) {
            Some((user, age)) => Ok(known(user, DataSource::Store, age)),
            None => self.look_up(&token.user.id).await,
        }
    }

    /// The current state of a user.
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
