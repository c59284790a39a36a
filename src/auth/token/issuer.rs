use std::time::Duration;

use bson::DateTime;
use thiserror::Error;

use super::signing_key::SigningKeys;
use crate::auth::ProviderType;

/// Issues and verifies the tokens of an application: access tokens, which contain a user, and refresh tokens, which
/// refer to a session.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    pub(super) keys: SigningKeys,
    pub(super) application: String,
    pub(super) access_lifetime: Duration,
    refresh_lifetime: Duration,
}

/// A lifetime for tokens that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LifetimeError {
    /// The lifetime of access tokens must be short, because they cannot be revoked individually.
    #[error("an access token lasts from one minute to one day, not {} seconds", .0.as_secs())]
    Access(Duration),
    /// The lifetime of refresh tokens is not within the documented range.
    #[error("a refresh token lasts from 30 minutes to five years, not {} seconds", .0.as_secs())]
    Refresh(Duration),
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl TokenIssuer {
    /// Creates an issuer for the application with this client id. It accepts only tokens for that application. Access
    /// tokens are valid for 30 minutes and refresh tokens for 60 days.
    #[must_use]
    pub fn new(keys: SigningKeys, application: impl Into<String>) -> Self {
        Self {
            keys,
            application: application.into(),
            access_lifetime: MINUTE.saturating_mul(30),
            refresh_lifetime: DAY.saturating_mul(60),
        }
    }

    /// Sets the lifetime of access tokens, in whole seconds, from one minute to one day.
    ///
    /// # Errors
    /// [`LifetimeError::Access`] if it is out of range.
    pub fn with_access_lifetime(mut self, lifetime: Duration) -> Result<Self, LifetimeError> {
        if !(MINUTE..=DAY).contains(&lifetime) {
            return Err(LifetimeError::Access(lifetime));
        }
        self.access_lifetime = lifetime;
        Ok(self)
    }

    /// Sets the lifetime of refresh tokens, in whole seconds, from 30 minutes to five years.
    ///
    /// # Errors
    /// [`LifetimeError::Refresh`] if it is out of range.
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

    /// The expiry of a session that starts at `now`; `None` for an anonymous user, whose session does not expire.
    #[must_use]
    pub fn refresh_expiry(&self, provider_type: ProviderType, now: DateTime) -> Option<DateTime> {
        let lifetime = i64::try_from(self.refresh_lifetime.as_millis()).unwrap_or(i64::MAX);
        (provider_type != ProviderType::Anonymous)
            .then(|| DateTime::from_millis(now.timestamp_millis().saturating_add(lifetime)))
    }
}
