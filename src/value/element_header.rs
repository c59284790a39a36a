use super::element::Element;
use super::key::KeyHead;
use super::layout::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, EMBEDDED, INT32, OBJECT_ID, STRING};

/// The type, key and size of an element. There is a fast path for elements with a short ASCII key and a frequent type,
/// which are the vast majority.
#[derive(Clone, Copy)]
pub(super) struct ElementHeader {
    pub(super) kind: u8,
    pub(super) key: KeyHead,
    /// The size of the whole element in bytes.
    pub(super) size: usize,
}

impl ElementHeader {
    /// The header of the first element, if the fast path applies. `None` if the general code is needed or the value
    /// does not end properly. The content of the value is not checked.
    #[inline(always)]
    pub(super) fn at(rest: &[u8]) -> Option<Self> {
        Self::of_key(*rest.first()?, KeyHead::first(rest)?, rest)
    }

    /// Like [`Self::at`], for an element whose key is known.
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

    /// The bytes of the key; `rest` must be the bytes that the header was read from.
    #[inline(always)]
    pub(super) fn key_bytes(self, rest: &[u8]) -> &[u8] {
        rest.get(1..1 + self.key.length).unwrap_or_default()
    }

    /// The element; `rest` must be the bytes that the header was read from.
    #[inline(always)]
    pub(super) fn element(self, rest: &[u8]) -> Element<'_> {
        let value = rest.get(self.key.length + 2..self.size).unwrap_or_default();
        Element::new(self.kind, self.key_bytes(rest), value)
    }
}

/// The end of a value with a length prefix at `at`. The length counts from `start`, is at least `least`, and includes a
/// final NUL.
#[inline(always)]
pub(super) fn length_before_nul(bytes: &[u8], at: usize, least: usize, start: usize) -> Option<usize> {
    let length = i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    let length = usize::try_from(length).ok().filter(|length| *length >= least)?;
    (*bytes.get(start + length - 1)? == 0).then_some(start + length)
}
