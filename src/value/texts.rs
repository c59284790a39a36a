//! Texts of raw values, compared and looked for as bytes.

use super::cstring::take_cstring;
use super::layout::STRING;
use crate::byte_search::{HIGH_BITS, first_byte};

/// Short texts are looked at eight bytes at a time here, which costs no call; the last eight may overlap those before.
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

/// A place up to which all bytes from another on are ASCII: a few bytes at most may be behind it that are so too.
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

/// Whether an array whose values are well-formed has a text among texts; `None` if it has anything else. Its keys need not be
/// indexes: nothing checks them.
#[inline(never)]
pub(super) fn has_text(array: &[u8], text: &[u8]) -> Option<bool> {
    let mut rest = array.get(4..)?;
    while let [kind, after @ ..] = rest
        && !after.is_empty()
    {
        if *kind != STRING {
            return None;
        }
        // The index, of which nobody needs to know more than where it ends.
        let value = match after {
            // An empty one would have its NUL taken for its first byte, and what follows for the NUL.
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

/// Whether two texts are the same. The ends are looked at first, in which ids differ that were given one after the other.
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
