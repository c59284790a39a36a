//! NUL-terminated strings, which BSON uses for keys.

use super::Malformed;
use crate::byte_search::{HIGH_BITS, first_byte, zero_bytes};

#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::new("a string is not UTF-8"))
}

/// Splits `bytes` at the first NUL, into the bytes before it, which must be UTF-8, and those after it.
#[inline]
pub(super) fn take_cstring(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut at = 0;
    let mut all = 0;
    // Eight bytes at a time: the lowest high bit in `nul` marks the first zero byte.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let nul = zero_bytes(word);
        if nul != 0 {
            // Only bytes before the NUL are added to `all`.
            all |= word & (nul & nul.wrapping_neg()).wrapping_sub(1);
            return split_at_nul(bytes, at + first_byte(nul), all);
        }
        all |= word;
        at += 8;
    }
    for byte in bytes.get(at..).unwrap_or_default() {
        if *byte == 0 {
            return split_at_nul(bytes, at, all);
        }
        all |= u64::from(*byte);
        at += 1;
    }
    Err(Malformed::new("a key does not end with NUL"))
}

/// Splits at the NUL at this position. `all` is the bitwise OR of the bytes before it, which tells whether they are all
/// ASCII.
#[inline]
fn split_at_nul(bytes: &[u8], at: usize, all: u64) -> Result<(&[u8], &[u8]), Malformed> {
    let (content, rest) =
        bytes.split_at_checked(at).ok_or_else(|| Malformed::new("a value is too short for its type"))?;
    if all & HIGH_BITS != 0 {
        text(content)?;
    }
    Ok((content, rest.get(1..).unwrap_or_default()))
}
