use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::CryptoError;

/// The largest RSA key, in bits: with larger ones, a signature takes minutes.
const MAX_BITS: usize = 8192;

/// The padding scheme of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Pss,
    Pkcs1,
}

/// The hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn digest(self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(input).to_vec(),
            Self::Sha384 => Sha384::digest(input).to_vec(),
            Self::Sha512 => Sha512::digest(input).to_vec(),
        }
    }
}

/// `utils.crypto.sign("rsa", …)`: signs the SHA-256 hash of the message.
pub(crate) fn sign(message: &[u8], key: &str, scheme: &str) -> Result<Vec<u8>, CryptoError> {
    sign_with(&private_key(key)?, scheme_of(scheme)?, Hash::Sha256, message)
}

/// `utils.crypto.verify("rsa", …)`: verifies a signature of the SHA-256 hash of the message.
pub(crate) fn verify(message: &[u8], key: &str, signature: &[u8], scheme: &str) -> Result<bool, CryptoError> {
    Ok(verify_with(&public_key(key)?, scheme_of(scheme)?, Hash::Sha256, message, signature))
}

fn scheme_of(name: &str) -> Result<Scheme, CryptoError> {
    match name {
        "pss" => Ok(Scheme::Pss),
        "pkcs1v15" => Ok(Scheme::Pkcs1),
        _ => Err(CryptoError::new("the signature scheme must be \"pss\" or \"pkcs1v15\"")),
    }
}

pub(super) fn private_key(key: &str) -> Result<RsaPrivateKey, CryptoError> {
    let key = RsaPrivateKey::from_pkcs1_pem(key)
        .or_else(|_| RsaPrivateKey::from_pkcs8_pem(key).map_err(|_| ()))
        .map_err(|()| CryptoError::new("the key is not an RSA private key in PEM"))?;
    within(rsa::traits::PublicKeyParts::size(&key))?;
    Ok(key)
}

pub(super) fn public_key(key: &str) -> Result<RsaPublicKey, CryptoError> {
    let key = RsaPublicKey::from_pkcs1_pem(key)
        .ok()
        .or_else(|| RsaPublicKey::from_public_key_pem(key).ok())
        .or_else(|| private_key(key).ok().map(|key| key.to_public_key()))
        .ok_or_else(|| CryptoError::new("the key is not an RSA public key in PEM"))?;
    within(rsa::traits::PublicKeyParts::size(&key))?;
    Ok(key)
}

fn within(bytes: usize) -> Result<(), CryptoError> {
    if bytes.saturating_mul(8) > MAX_BITS {
        return Err(CryptoError::new(format!("the key has more than {MAX_BITS} bits")));
    }
    Ok(())
}

pub(super) fn sign_with(
    key: &RsaPrivateKey,
    scheme: Scheme,
    hash: Hash,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let digest = hash.digest(message);
    let mut random = rsa::rand_core::OsRng;
    let signed = match (scheme, hash) {
        (Scheme::Pkcs1, Hash::Sha256) => key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest),
        (Scheme::Pkcs1, Hash::Sha384) => key.sign(Pkcs1v15Sign::new::<Sha384>(), &digest),
        (Scheme::Pkcs1, Hash::Sha512) => key.sign(Pkcs1v15Sign::new::<Sha512>(), &digest),
        (Scheme::Pss, Hash::Sha256) => key.sign_with_rng(&mut random, Pss::new::<Sha256>(), &digest),
        (Scheme::Pss, Hash::Sha384) => key.sign_with_rng(&mut random, Pss::new::<Sha384>(), &digest),
        (Scheme::Pss, Hash::Sha512) => key.sign_with_rng(&mut random, Pss::new::<Sha512>(), &digest),
    };
    signed.map_err(|_| CryptoError::new("the key cannot sign: it is too small"))
}

pub(super) fn verify_with(key: &RsaPublicKey, scheme: Scheme, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    let digest = hash.digest(message);
    match (scheme, hash) {
        (Scheme::Pkcs1, Hash::Sha256) => key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature),
        (Scheme::Pkcs1, Hash::Sha384) => key.verify(Pkcs1v15Sign::new::<Sha384>(), &digest, signature),
        (Scheme::Pkcs1, Hash::Sha512) => key.verify(Pkcs1v15Sign::new::<Sha512>(), &digest, signature),
        (Scheme::Pss, Hash::Sha256) => key.verify(Pss::new::<Sha256>(), &digest, signature),
        (Scheme::Pss, Hash::Sha384) => key.verify(Pss::new::<Sha384>(), &digest, signature),
        (Scheme::Pss, Hash::Sha512) => key.verify(Pss::new::<Sha512>(), &digest, signature),
    }
    .is_ok()
}
