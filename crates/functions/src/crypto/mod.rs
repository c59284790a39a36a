//! `utils.crypto`, `utils.jwt` and the module `crypto`.

mod cipher;
mod digest;
mod jwt;
mod rsa_signature;

use thiserror::Error;

pub(crate) use cipher::{Direction, Padding, aes_gcm_decrypt, aes_gcm_encrypt, run_cipher};
pub(crate) use digest::{hash, hmac};
pub(crate) use jwt::{decode as jwt_decode, encode as jwt_encode};
pub(crate) use rsa_signature::{sign, verify};

/// Why a computation failed. No message contains any part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct CryptoError(pub(crate) String);

impl CryptoError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Random bytes.
pub(crate) fn random(count: usize) -> Result<Vec<u8>, CryptoError> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|_| CryptoError::new("the system has no random numbers"))?;
    Ok(bytes)
}
