use std::fmt;
use std::slice::Iter;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use thiserror::Error;

use super::issue_error::IssueError;

/// A secret for signing and verifying tokens of Portcullis with HS256. It does not appear in `Debug` output.
#[derive(Clone)]
pub struct SigningKey {
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

/// The keys for tokens of Portcullis. The first one signs; all of them verify, so that keys can be replaced while
/// tokens are in use.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    first: SigningKey,
    others: Vec<SigningKey>,
}

/// Why signing keys are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The secret is too short to be secure, or too long.
    #[error("a signing key has {min} to {max} bytes, not {0}", min = SigningKey::MIN_BYTES, max = SigningKey::MAX_BYTES)]
    Length(usize),
    /// There are no keys, or too many.
    #[error("there are 1 to {max} signing keys, not {0}", max = SigningKeys::MAX)]
    Count(usize),
}

impl SigningKey {
    /// The minimum length in bytes.
    pub const MIN_BYTES: usize = 32;

    /// The maximum length in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Creates a key from a secret, which should consist of random bytes.
    ///
    /// # Errors
    /// [`SigningKeyError::Length`] if the secret is too short or too long.
    #[expect(clippy::needless_pass_by_value, reason = "the caller should not keep the secret")]
    pub fn from_secret(secret: Vec<u8>) -> Result<Self, SigningKeyError> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&secret.len()) {
            return Err(SigningKeyError::Length(secret.len()));
        }
        Ok(Self { encoding: EncodingKey::from_secret(&secret), decoding: DecodingKey::from_secret(&secret) })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

impl SigningKeys {
    /// The maximum number of keys.
    pub const MAX: usize = 8;

    /// Creates keys: the first one signs, and tokens signed with the others are still accepted.
    ///
    /// # Errors
    /// [`SigningKeyError::Count`] if there are none or too many.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, SigningKeyError> {
        let count = keys.len();
        let mut keys = keys.into_iter();
        match keys.next() {
            Some(first) if count <= Self::MAX => Ok(Self { first, others: keys.collect() }),
            _ => Err(SigningKeyError::Count(count)),
        }
    }

    /// A pseudonym for a message, which does not reveal the message and which only a holder of the first key can
    /// compute. It is the same whenever message and purpose are the same.
    ///
    /// # Errors
    /// [`IssueError::Signing`], which is not known to occur.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        // A leading NUL keeps this apart from the signing input of tokens, which starts with a letter.
        let mut signed = vec![0];
        signed.extend(purpose.as_bytes());
        signed.push(0);
        signed.extend(message);
        let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &self.first.encoding);
        signer.map_err(|_| IssueError::Signing)?.try_sign(&signed).map_err(|_| IssueError::Signing)
    }

    pub(super) const fn first(&self) -> &SigningKey {
        &self.first
    }
}

impl<'k> IntoIterator for &'k SigningKeys {
    type Item = &'k SigningKey;
    type IntoIter = std::iter::Chain<std::iter::Once<&'k SigningKey>, Iter<'k, SigningKey>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(&self.first).chain(&self.others)
    }
}
