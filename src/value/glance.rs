use super::raw::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, Element, INT32, OBJECT_ID, STRING};
use super::wanted::KeyHead;
use crate::words::{HIGH_BITS, zero_bytes};

/// An element whose key is short and ASCII and whose type is a frequent one, as nearly all are.
#[derive(Clone, Copy)]
pub(super) struct Glance {
    kind: u8,
    pub(super) key: KeyHead,
    /// How many bytes it takes altogether.
    pub(super) size: usize,
}

impl Glance {
    /// Looks at the element that stands first, in few instructions: most steps of a walk. None for what takes more, and
    /// for what is malformed.
    #[inline(always)]
    pub(super) fn at(rest: &[u8]) -> Option<Self> {
        let [kind, first @ ..] = *rest.first_chunk::<9>()?;
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
        if high & HIGH_BITS != 0 {
            return None;
        }
        Self::of_key(kind, KeyHead { first, length: length as usize }, rest)
    }

    /// The same of an element whose key is known.
    #[inline(always)]
    pub(super) fn of_key(kind: u8, key: KeyHead, rest: &[u8]) -> Option<Self> {
        let value = key.length + 2;
        let size = match kind {
            STRING => length_before_nul(rest, value, 1, value + 4)?,
            0x03 | ARRAY => length_before_nul(rest, value, DOCUMENT, value)?,
            0x01 | DATE_TIME | 0x12 => value + 8,
            OBJECT_ID => value + 12,
            INT32 => value + 4,
            BOOLEAN => value + 1,
            0x0A => value,
            _ => return None,
        };
        (size <= rest.len()).then_some(Self { kind, key, size })
    }

    /// The bytes of the key.
    #[inline(always)]
    pub(super) fn key_bytes(self, rest: &[u8]) -> &[u8] {
        rest.get(1..1 + self.key.length).unwrap_or_default()
    }

    /// The element; `rest` is where it was looked at.
    #[inline(always)]
    pub(super) fn element(self, rest: &[u8]) -> Element<'_> {
        let value = rest.get(self.key.length + 2..self.size).unwrap_or_default();
        Element::new(self.kind, self.key_bytes(rest), value)
    }
}

/// Where a value ends whose length stands at `at` and counts from `start`, and before whose end stands a NUL.
#[inline(always)]
fn length_before_nul(bytes: &[u8], at: usize, least: usize, start: usize) -> Option<usize> {
    let length = i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    let length = usize::try_from(length).ok().filter(|length| *length >= least)?;
    (*bytes.get(start + length - 1)? == 0).then_some(start + length)
}

/// The first bytes of a word, of which there are fewer than eight.
#[inline(always)]
const fn before(word: u64, length: u32) -> u64 {
    word & !(u64::MAX << (8 * length))
}
