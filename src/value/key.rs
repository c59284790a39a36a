use crate::byte_search::{HIGH_BITS, zero_bytes};

/// The number of a name in [`RequestedFields`](super::RequestedFields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u8);

impl Slot {
    pub(super) const fn of(number: u8) -> Self {
        Self(number)
    }

    /// Stands for a name that is not in the table and has to be looked up by itself.
    pub(crate) const NONE: Self = Self(u8::MAX);

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A key that is looked up many times.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(super) text: Box<str>,
    pub(super) head: KeyHead,
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self { text: text.into(), head: KeyHead::of(text.as_bytes()) }
    }
}

/// The length of a key and its first eight bytes, padded with zeros. This identifies keys of up to eight bytes and
/// distinguishes most others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyHead {
    pub(super) first: u64,
    pub(super) length: usize,
}

impl KeyHead {
    pub(super) fn of(key: &[u8]) -> Self {
        let first = key.first_chunk().copied().unwrap_or_else(|| {
            let mut first = [0; 8];
            for (byte, of_key) in first.iter_mut().zip(key) {
                *byte = *of_key;
            }
            first
        });
        Self { first: u64::from_le_bytes(first), length: key.len() }
    }

    /// The head of a key of this length at the start of `text`.
    #[inline]
    pub(super) fn at(text: &[u8], length: usize) -> Self {
        match text.first_chunk() {
            Some(first) if length < 8 => {
                Self { first: u64::from_le_bytes(*first) & !(u64::MAX << (8 * length)), length }
            }
            _ => Self::of(text.get(..length).unwrap_or(text)),
        }
    }

    /// The head of the first element's key, if it is ASCII, has at most 15 bytes, and is followed by enough bytes to
    /// read it quickly.
    #[inline(always)]
    pub(super) fn first(rest: &[u8]) -> Option<Self> {
        let [_, first @ ..] = *rest.first_chunk::<9>()?;
        let word = u64::from_le_bytes(first);
        let nul = zero_bytes(word);
        let (first, length, high) = if nul == 0 {
            let second = u64::from_le_bytes(*rest.get(9..)?.first_chunk()?);
            let nul = zero_bytes(second);
            if nul == 0 {
                return None;
            }
            let length = nul.trailing_zeros() / 8;
            (word, 8 + length, word | before(second, length))
        } else {
            let length = nul.trailing_zeros() / 8;
            let first = before(word, length);
            (first, length, first)
        };
        (high & HIGH_BITS == 0).then_some(Self { first, length: length as usize })
    }

    #[inline(always)]
    pub(super) const fn hash(self) -> KeyHash {
        let mixed = (self.first ^ (self.length as u64).rotate_right(8)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        KeyHash((mixed >> 32) as u32)
    }
}

/// The first `length` bytes of a word, with `length` below eight.
#[inline(always)]
const fn before(word: u64, length: u32) -> u64 {
    word & !(u64::MAX << (8 * length))
}

/// A hash of a key's head.
#[derive(Clone, Copy)]
pub(super) struct KeyHash(u32);

impl KeyHash {
    /// A bucket from 0 to 63.
    pub(super) const fn bucket(self) -> u32 {
        self.0 >> 26
    }

    /// A fingerprint from 0 to 255, which is independent of the bucket.
    pub(super) const fn fingerprint(self) -> u8 {
        self.0.to_le_bytes()[2]
    }
}
