use super::element::Element;
use super::key::KeyHead;
use super::layout::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, EMBEDDED, INT32, OBJECT_ID, STRING};

/// What a look at an element tells: quickly of nearly all, whose key is short and ASCII and whose type is a frequent one.
#[derive(Clone, Copy)]
pub(super) struct ElementHeader {
    pub(super) kind: u8,
    pub(super) key: KeyHead,
    /// How many bytes it takes altogether.
    pub(super) size: usize,
}

impl ElementHeader {
    /// Looks at the element that stands first, in few instructions: most steps of a walk. None for what takes more, and
    /// for a value that does not end as it should; what a value holds is not looked at.
    #[inline(always)]
    pub(super) fn at(rest: &[u8]) -> Option<Self> {
        Self::of_key(*rest.first()?, KeyHead::first(rest)?, rest)
    }

    /// The same of an element whose key is known.
    #[inline(always)]
    pub(super) fn of_key(kind: u8, key: KeyHead, rest: &[u8]) -> Option<Self> {
        let value = key.length + 2;
        let size = match kind {
            STRING => length_before_nul(rest, value, 1, value + 4)?,
            EMBEDDED | ARRAY => length_before_nul(rest, value, DOCUMENT, value)?,
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
pub(super) fn length_before_nul(bytes: &[u8], at: usize, least: usize, start: usize) -> Option<usize> {
    let length = i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    let length = usize::try_from(length).ok().filter(|length| *length >= least)?;
    (*bytes.get(start + length - 1)? == 0).then_some(start + length)
}
