use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, DecodingKeyKind};
use thiserror::Error;

/// An RSA public key for verifying RS256.
#[derive(Clone)]
pub struct RsaKey {
    decoding: DecodingKey,
    bits: usize,
}

/// Why a public key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RsaKeyError {
    /// The text is not a PEM-encoded RSA public key, as written by `openssl rsa -pubout`.
    #[error("it is not a public RSA key in PEM format")]
    NotPem,
    /// The modulus or the exponent is not base64url.
    #[error("its `{0}` is not base64url without padding")]
    NotBase64(&'static str),
    /// The modulus has this many bits, which are too few to be secure or too many to compute with.
    #[error("its modulus has {0} bits; from {min} to {max} are accepted", min = RsaKey::MIN_BITS, max = RsaKey::MAX_BITS)]
    Bits(usize),
    /// The modulus is even, or the exponent is even, is 1, or has more than 32 bits.
    #[error("its modulus and exponent are not those of an RSA key")]
    Malformed,
}

impl RsaKey {
    /// The minimum number of bits in the modulus.
    pub const MIN_BITS: usize = 2048;

    /// The maximum number of bits in the modulus.
    pub const MAX_BITS: usize = 4096;

    /// The maximum length of PEM text in bytes.
    const MAX_PEM: usize = 16 * 1024;

    /// Parses a PEM-encoded public key (`BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`).
    ///
    /// # Errors
    /// See [`RsaKeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, RsaKeyError> {
        let text = pem.trim_start();
        let is_public = text.starts_with("-----BEGIN PUBLIC KEY-----") || text.starts_with("-----BEGIN RSA PUBLIC KEY");
        if !is_public || text.len() > Self::MAX_PEM {
            return Err(RsaKeyError::NotPem);
        }
        let key = DecodingKey::from_rsa_pem(text.as_bytes()).map_err(|_| RsaKeyError::NotPem)?;
        let DecodingKeyKind::SecretOrDer(der) = key.kind() else { return Err(RsaKeyError::NotPem) };
        let (n, e) =
            (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der).map_err(|_| RsaKeyError::NotPem)?;
        Self::from_components(&n, &e)
    }

    /// Creates a key from the modulus and exponent of a JWK.
    pub(super) fn from_base64(n: &str, e: &str) -> Result<Self, RsaKeyError> {
        let decode = |name, text| URL_SAFE_NO_PAD.decode(text).map_err(|_| RsaKeyError::NotBase64(name));
        Self::from_components(&decode("n", n)?, &decode("e", e)?)
    }

    fn from_components(n: &[u8], e: &[u8]) -> Result<Self, RsaKeyError> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.first().map_or(0, |first| n.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0));
        if !(Self::MIN_BITS..=Self::MAX_BITS).contains(&bits) {
            return Err(RsaKeyError::Bits(bits));
        }
        let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
        if !odd(n) || !odd(e) || e == [1] || e.len() > 4 {
            return Err(RsaKeyError::Malformed);
        }
        Ok(Self { decoding: DecodingKey::from_rsa_raw_components(n, e), bits })
    }

    /// The number of bits in the modulus.
    #[must_use]
    pub const fn bits(&self) -> usize {
        self.bits
    }

    pub(super) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("bits", &self.bits).finish_non_exhaustive()
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
