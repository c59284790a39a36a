//! Searches in bytes, eight at a time, as little-endian words.

const ONES: u64 = repeated(0x01);
const SPACES: u64 = repeated(b' ');
pub(crate) const HIGH_BITS: u64 = repeated(0x80);

/// A word in which every byte is `byte`.
#[inline(always)]
pub(crate) const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// A word whose lowest set bit is in the first zero byte of `word`. No bit is set if there is no zero byte.
#[inline(always)]
pub(crate) const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// The index of the byte that contains the lowest set bit.
#[inline(always)]
pub(crate) const fn first_byte(bits: u64) -> usize {
    (bits.trailing_zeros() / 8) as usize
}

/// The position of the first byte that ends a JSON string or has to be escaped in one: a quote, a backslash or a
/// control character.
#[inline]
pub(crate) fn string_end(content: &[u8]) -> Option<usize> {
    let (words, tail) = content.as_chunks();
    for (number, word) in words.iter().enumerate() {
        let special = string_ends(u64::from_le_bytes(*word));
        if special != 0 {
            return Some(number * 8 + first_byte(special));
        }
    }
    if tail.is_empty() {
        return None;
    }
    match content.last_chunk() {
        // The bytes before the tail have been searched, so whatever is found lies in the tail.
        Some(word) => {
            let special = string_ends(u64::from_le_bytes(*word));
            (special != 0).then(|| content.len() - 8 + first_byte(special))
        }
        None => tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)),
    }
}

/// A word whose lowest set bit is in the first byte that [`string_end`] searches for.
#[inline(always)]
pub(crate) const fn string_ends(word: u64) -> u64 {
    const QUOTES: u64 = repeated(b'"');
    const BACKSLASHES: u64 = repeated(b'\\');
    let quotes = (word ^ QUOTES).wrapping_sub(ONES);
    let backslashes = (word ^ BACKSLASHES).wrapping_sub(ONES);
    let controls = word.wrapping_sub(SPACES);
    // Bytes with the high bit set are none of the three, so they are masked out.
    (quotes | backslashes | controls) & !word & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::string_end;

    #[test]
    fn the_first_special_byte_is_found_at_any_position() {
        for length in 0..40 {
            let plain = vec![b'a'; length];
            assert_eq!(string_end(&plain), None);
            for at in 0..length {
                for special in [b'"', b'\\', 0, 0x1f] {
                    let mut content = plain.clone();
                    content[at] = special;
                    // Whatever follows must not affect the result.
                    if let Some(last) = content.get_mut(at + 1..).and_then(<[u8]>::last_mut) {
                        *last = b'"';
                    }
                    assert_eq!(string_end(&content), Some(at), "{content:?}");
                }
                for plain in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut content = vec![b'a'; length];
                    content[at] = plain;
                    assert_eq!(string_end(&content), None, "{content:?}");
                }
            }
        }
    }
}
