use bson::DateTime;
use thiserror::Error;

use super::jwk::RsaKey;
use super::jwk_set::{Found, JwkSet, JwkSetError};
use crate::auth::excerpt::one_line;
use crate::future::BoxFuture;
use crate::text::Code;

/// A source of a third party's keys.
pub trait JwksSource: Send + Sync {
    /// The key with this `kid`; `None` if the set, as known at the time `now`, has none.
    ///
    /// # Errors
    /// If the set cannot be fetched or the `kid` names several keys.
    fn key<'a>(&'a self, kid: &'a str, now: DateTime) -> BoxFuture<'a, Result<Option<RsaKey>, JwksError>>;
}

/// Why a key could not be determined. This is never the same as an unknown key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The address does not respond, or not as expected.
    #[error("the key set at {address} cannot be fetched: {reason}")]
    Unavailable {
        /// The address, without user, password and query.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The response is not a key set.
    #[error("the key set at {address} cannot be read: {reason}")]
    Malformed {
        /// The address, without user, password and query.
        address: String,
        /// What is wrong with it.
        reason: JwkSetError,
    },
    /// Two keys with one `kid`.
    #[error("several keys of the set have the `kid` `{0}`")]
    KeyAmbiguous(String),
}

impl Code for JwksError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "jwks-unavailable",
            Self::Malformed { .. } => "jwks-malformed",
            Self::KeyAmbiguous(_) => "jwks-key-ambiguous",
        }
    }
}

impl JwkSet {
    /// The usable key with this `kid`, or `None`.
    ///
    /// # Errors
    /// [`JwksError::KeyAmbiguous`]
    pub fn key(&self, kid: &str) -> Result<Option<&RsaKey>, JwksError> {
        match self.find(kid) {
            None => Ok(None),
            Some(Found::One(key)) => Ok(Some(key)),
            Some(Found::Several) => Err(JwksError::KeyAmbiguous(one_line(kid))),
        }
    }
}

/// A fixed key set, read from a file for instance.
#[derive(Clone, Debug)]
pub struct StaticJwks(JwkSet);

impl StaticJwks {
    /// Reads a key set.
    ///
    /// # Errors
    /// As [`JwkSet::parse`].
    ///
    /// ```
    /// use portcullis::auth::token::{JwkSetError, StaticJwks};
    /// assert!(StaticJwks::parse(br#"{ "keys": [] }"#).is_ok());
    /// assert_eq!(StaticJwks::parse(b"{}").unwrap_err(), JwkSetError::KeysMissing);
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, JwkSetError> {
        JwkSet::parse(bytes).map(Self)
    }
}

impl From<JwkSet> for StaticJwks {
    fn from(set: JwkSet) -> Self {
        Self(set)
    }
}

impl JwksSource for StaticJwks {
    fn key<'a>(&'a self, kid: &'a str, _: DateTime) -> BoxFuture<'a, Result<Option<RsaKey>, JwksError>> {
        Box::pin(std::future::ready(self.0.key(kid).map(Option::<&RsaKey>::cloned)))
    }
}
