use bson::DateTime;
use thiserror::Error;

use super::jwk::RsaKey;
use super::jwk_set::{Found, JwkSet, JwkSetError};
use crate::auth::excerpt::one_line;
use crate::future::BoxFuture;
use crate::text::Code;

/// A source of the public keys of a third party.
pub trait JwksSource: Send + Sync {
    /// The key with this `kid`; `None` if the key set as of `now` does not contain one.
    ///
    /// # Errors
    /// If the key set is not available, or if several keys have the `kid`.
    fn key<'a>(&'a self, kid: &'a str, now: DateTime) -> BoxFuture<'a, Result<Option<RsaKey>, JwksError>>;
}

/// Why a key could not be looked up. This is different from a key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The address did not respond, or not with a key set's response.
    #[error("the key set at {address} cannot be fetched: {reason}")]
    Unavailable {
        /// The address, without user, password and query.
        address: String,
        /// The cause.
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
    /// Several keys have the same `kid`.
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
    /// The key with this `kid`; `None` if there is none.
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

/// A key set that does not change, for instance from a file.
#[derive(Clone, Debug)]
pub struct StaticJwks(JwkSet);

impl StaticJwks {
    /// Reads a key set.
    ///
    /// # Errors
    /// Same as [`JwkSet::parse`].
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
