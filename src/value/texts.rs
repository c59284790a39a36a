//! Comparison of and search for strings in raw values.

use super::cstring::take_cstring;
use super::layout::STRING;
use crate::byte_search::{HIGH_BITS, first_byte};

/// Whether bytes are UTF-8. Short strings of ASCII are recognised inline, eight bytes at a time, where the last eight
/// may overlap those before them.
#[inline]
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    let all = match bytes.last_chunk() {
        Some(last) => {
            let (words, _) = bytes.as_chunks();
            words.iter().fold(u64::from_le_bytes(*last), |all, word| all | u64::from_le_bytes(*word))
        }
        None => bytes.iter().fold(0, |all, byte| all | u64::from(*byte)),
    };
    all & HIGH_BITS == 0 || std::str::from_utf8(bytes).is_ok()
}

/// An offset up to which all bytes from `from` on are ASCII. It need not be the greatest.
#[inline]
pub(super) fn ascii_end(bytes: &[u8], from: usize) -> usize {
    let (blocks, _) = bytes.get(from..).unwrap_or_default().as_chunks::<64>();
    let or = |words: &[[u8; 8]]| words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
    let clean = blocks.iter().take_while(|block| or(block.as_chunks().0) & HIGH_BITS == 0).count();
    let from = from + clean * 64;
    let (words, _) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut end = from;
    for word in words {
        let high = u64::from_le_bytes(*word) & HIGH_BITS;
        if high != 0 {
            return end + first_byte(high);
        }
        end += 8;
    }
    end
}

/// Whether a valid array of strings contains a string; `None` if it contains values other than strings. Its keys are
/// not checked.
#[inline(never)]
pub(super) fn has_text(array: &[u8], text: &[u8]) -> Option<bool> {
    let mut rest = array.get(4..)?;
    while let [kind, after @ ..] = rest
        && !after.is_empty()
    {
        if *kind != STRING {
            return None;
        }
        // The key is skipped; only its end matters.
        let value = match after {
            // There must be at least one byte before the NUL: for an empty key, its NUL would be mistaken for a key of
            // one byte.
            [1..=u8::MAX, 0, value @ ..] => value,
            _ => take_cstring(after).ok()?.1,
        };
        let (length, value) = value.split_first_chunk()?;
        let length = usize::try_from(i32::from_le_bytes(*length)).ok()?;
        let (content, after) = value.split_at_checked(length)?;
        if content.split_last().is_some_and(|(_, content)| is_same_text(content, text)) {
            return Some(true);
        }
        rest = after;
    }
    Some(false)
}

/// Whether two strings are equal. The ends are compared first, because generated IDs tend to differ there.
#[inline(always)]
pub(super) fn is_same_text(text: &[u8], other: &[u8]) -> bool {
    if text.len() != other.len() {
        return false;
    }
    match (text.last_chunk::<8>(), other.last_chunk()) {
        (Some(end), Some(other_end)) => {
            let (words, others) = (text.as_chunks::<8>().0, other.as_chunks().0);
            u64::from_le_bytes(*end) == u64::from_le_bytes(*other_end)
                && words.iter().zip(others).all(|(word, other)| u64::from_le_bytes(*word) == u64::from_le_bytes(*other))
        }
        _ => text.iter().zip(other).all(|(byte, other)| byte == other),
    }
}
