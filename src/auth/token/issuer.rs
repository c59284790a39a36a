use std::time::Duration;

use bson::DateTime;
use thiserror::Error;

use super::signing_key::SigningKeys;
use crate::auth::ProviderType;

/// Issues and verifies the tokens of one application: access tokens, from which a user is assembled, and refresh tokens,
/// which stand for a session.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    pub(super) keys: SigningKeys,
    pub(super) application: String,
    pub(super) access_lifetime: Duration,
    refresh_lifetime: Duration,
}

/// A lifetime that tokens cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LifetimeError {
    /// An access token cannot be revoked by itself, so it must not last.
    #[error("an access token lasts from one minute to one day, not {} seconds", .0.as_secs())]
    Access(Duration),
    /// A refresh token's session has documented bounds.
    #[error("a refresh token lasts from 30 minutes to five years, not {} seconds", .0.as_secs())]
    Refresh(Duration),
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TokenIssuer {
    /// Issues tokens for the application with this client id, and accepts no others. Access tokens last 30 minutes,
    /// refresh tokens 60 days.
    #[must_use]
    pub fn new(keys: SigningKeys, application: impl Into<String>) -> Self {
        Self {
            keys,
            application: application.into(),
            access_lifetime: MINUTE.saturating_mul(30),
            refresh_lifetime: DAY.saturating_mul(60),
        }
    }

    /// How long access tokens last, to the second: one minute to one day.
    ///
    /// # Errors
    /// [`LifetimeError::Access`]
    pub fn with_access_lifetime(mut self, lifetime: Duration) -> Result<Self, LifetimeError> {
        if !(MINUTE..=DAY).contains(&lifetime) {
            return Err(LifetimeError::Access(lifetime));
        }
        self.access_lifetime = lifetime;
        Ok(self)
    }

    /// How long refresh tokens last: 30 minutes to five years.
    ///
    /// # Errors
    /// [`LifetimeError::Refresh`]
    pub fn with_refresh_lifetime(mut self, lifetime: Duration) -> Result<Self, LifetimeError> {
        if !(MINUTE.saturating_mul(30)..=DAY.saturating_mul(5 * 366)).contains(&lifetime) {
            return Err(LifetimeError::Refresh(lifetime));
        }
        self.refresh_lifetime = lifetime;
        Ok(self)
    }

    /// The application's client id.
    #[must_use]
    pub fn application(&self) -> &str {
        &self.application
    }

    /// When the session of a login at the time `now` expires: never for an anonymous user.
    #[must_use]
    pub fn refresh_expiry(&self, provider_type: ProviderType, now: DateTime) -> Option<DateTime> {
        let lifetime = i64::try_from(self.refresh_lifetime.as_millis()).unwrap_or(i64::MAX);
        (provider_type != ProviderType::Anonymous)
            .then(|| DateTime::from_millis(now.timestamp_millis().saturating_add(lifetime)))
    }
}
