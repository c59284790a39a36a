//! Secrets that are made here, and what is kept of them.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ClientError;

/// So many random bytes, in hexadecimal digits.
pub(super) fn secret(bytes: usize) -> Result<String, ClientError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(ClientError::internal)?;
    Ok(hex(&random))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of a random secret: SHA-256 in hexadecimal digits. It needs no salt and no cost, since it cannot be guessed.
pub(super) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// Whether a secret is the one of which this hash is kept, in constant time.
pub(super) fn is_of(secret: &str, kept: &str) -> bool {
    hash(secret).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// 24 hexadecimal digits that belong to a name: the id of what has a name only.
pub(super) fn id_of(name: &str) -> String {
    hash(name).chars().take(24).collect()
}

/// Whether this is 24 hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
