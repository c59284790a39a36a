//! Random secrets, and how they are stored.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ClientError;

/// Random bytes as hexadecimal digits.
pub(super) fn secret(bytes: usize) -> Result<String, ClientError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(ClientError::internal)?;
    Ok(hex(&random))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stored form of a random secret: SHA-256 in hexadecimal digits. Salt and work factor are not needed, since the
/// secret cannot be guessed.
pub(super) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// Compares a secret with a stored hash in constant time.
pub(super) fn is_of(secret: &str, kept: &str) -> bool {
    hash(secret).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// An ID for something that has only a name: 24 hexadecimal digits of the name's hash.
pub(super) fn id_of(name: &str) -> String {
    hash(name).chars().take(24).collect()
}

/// Whether a text consists of 24 hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
