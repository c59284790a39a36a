use std::collections::HashMap;

use thiserror::Error;

use super::jwk::RsaKey;
use crate::json::{self, JsonErrorKind, Node};
use crate::text::Code as _;

/// The maximum size of a key set in bytes: 1 MiB.
pub const MAX_JWK_SET_SIZE: usize = 1024 * 1024;

/// The maximum number of keys in a set.
pub const MAX_JWK_SET_KEYS: usize = 100;

/// A set of public keys (JWKS, RFC 7517), by `kid`. It contains only the keys that can verify RS256.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: HashMap<String, Found>,
}

/// What a set contains for a `kid`.
#[derive(Clone, Debug)]
pub(super) enum Found {
    One(RsaKey),
    /// Several keys, of which none is used.
    Several,
}

/// Why a key set is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// The key set has more than [`MAX_JWK_SET_SIZE`] bytes.
    #[error("the key set has more than {MAX_JWK_SET_SIZE} bytes")]
    TooLarge,
    /// The key set is not valid JSON; this is the code of the error.
    #[error("the key set is not JSON ({0})")]
    NotJson(&'static str),
    /// The key set is not an object with an array `keys`.
    #[error("the key set has no array `keys`")]
    KeysMissing,
    /// There are more than [`MAX_JWK_SET_KEYS`] keys.
    #[error("the key set has {0} keys; at most {MAX_JWK_SET_KEYS} are accepted")]
    TooMany(usize),
}

impl JwkSet {
    /// Parses a key set. Keys that cannot verify RS256 are skipped: those of another type (`kty`) or for another
    /// purpose (`use`, `key_ops`, `alg`), those without `kid`, those of an unsupported length, and malformed ones.
    ///
    /// # Errors
    /// See [`JwkSetError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JwkSetError> {
        if bytes.len() > MAX_JWK_SET_SIZE {
            return Err(JwkSetError::TooLarge);
        }
        let node = json::parse_bytes(bytes).map_err(|error| JwkSetError::NotJson(reason(error.kind())))?;
        let keys = node.get("keys").and_then(Node::as_array).ok_or(JwkSetError::KeysMissing)?;
        if keys.len() > MAX_JWK_SET_KEYS {
            return Err(JwkSetError::TooMany(keys.len()));
        }
        let mut set = Self::default();
        for (kid, key) in keys.iter().filter_map(usable) {
            set.keys.entry(kid.to_owned()).and_modify(|found| *found = Found::Several).or_insert(Found::One(key));
        }
        Ok(set)
    }

    /// The number of `kid`s with a usable key.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.values().filter(|found| matches!(found, Found::One(_))).count()
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Found> {
        self.keys.get(kid)
    }
}

fn reason(kind: &JsonErrorKind) -> &'static str {
    kind.code()
}

fn usable(node: &Node) -> Option<(&str, RsaKey)> {
    let text = |key| node.get(key).and_then(Node::as_str);
    let absent_or = |key, wanted| node.get(key).is_none() || text(key) == Some(wanted);
    let verifies = node.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|operations| operations.iter().any(|name| name.as_str() == Some("verify")))
    });
    if text("kty") != Some("RSA") || !absent_or("use", "sig") || !absent_or("alg", "RS256") || !verifies {
        return None;
    }
    let kid = text("kid").filter(|kid| !kid.is_empty())?;
    Some((kid, RsaKey::from_base64(text("n")?, text("e")?).ok()?))
}
