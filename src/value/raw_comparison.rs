use std::cmp::Ordering;

use super::Key;
use super::element::Element;
use super::layout::{ARRAY, EMBEDDED};
use super::raw::Walk;
use super::raw::has_text_unchecked;
use super::texts::{has_text, is_same_text, is_utf8};

/// The value of a field in a raw document, for the most frequent comparisons. A comparison returns `None` if it cannot
/// tell, because it involves values that are not scalar or are malformed.
///
/// This type is small enough to be passed in registers.
#[derive(Clone, Copy)]
pub(crate) struct RawFieldValue<'d> {
    value: &'d [u8],
    /// The BSON type byte; [`ABSENT`] if the field does not exist.
    kind: u8,
    /// Whether the bytes are known to be valid BSON.
    checked: bool,
}

/// Not a type byte of BSON.
const ABSENT: u8 = 0;

impl<'d> RawFieldValue<'d> {
    #[inline(always)]
    pub(super) const fn of(element: Element<'d>, checked: bool) -> Self {
        Self { value: element.bytes(), kind: element.kind(), checked }
    }

    /// The value of a field that does not exist.
    pub(super) const fn absent() -> Self {
        Self { value: &[], kind: ABSENT, checked: true }
    }

    /// The value at a path below this field, through documents only.
    pub(crate) fn inside(self, path: &[Key]) -> Option<Self> {
        let mut here = self;
        for key in path {
            here = match here.kind {
                EMBEDDED => match Walk::of_bytes(here.value).find_with_head(&key.text, key.head).ok()? {
                    Some(element) => Self::of(element, self.checked),
                    None => Self::absent(),
                },
                ABSENT => here,
                _ => return None,
            };
        }
        Some(here)
    }

    #[inline(always)]
    const fn element(self) -> Element<'d> {
        Element::without_key(self.kind, self.value)
    }

    /// Whether the value is this string, or an array that contains it.
    #[inline(always)]
    pub(crate) fn is_text(self, text: &str) -> Option<bool> {
        match self.element().string_bytes() {
            Some(content) if is_same_text(content, text.as_bytes()) => Some(true),
            // Invalid UTF-8 is an error rather than a different string.
            Some(content) => (self.checked || is_utf8(content)).then_some(false),
            None if self.kind == ABSENT => Some(false),
            None => self.has_text(text),
        }
    }

    /// Whether the value is one of these strings, or an array that contains one of them.
    #[inline(always)]
    pub(crate) fn is_one_of<'t>(self, mut texts: impl Iterator<Item = &'t str>) -> Option<bool> {
        match self.element().string_bytes() {
            Some(content) if texts.any(|text| is_same_text(content, text.as_bytes())) => Some(true),
            Some(content) => (self.checked || is_utf8(content)).then_some(false),
            None if self.kind == ABSENT => Some(false),
            None => {
                for text in texts {
                    if self.has_text(text)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
        }
    }

    // The parts are passed individually, because a `RawFieldValue` would not be passed in registers here.
    #[inline(always)]
    fn has_text(self, text: &str) -> Option<bool> {
        match (self.kind, self.checked) {
            (ARRAY, true) => has_text(self.value, text.as_bytes()),
            (ARRAY, false) => has_text_unchecked(self.value, text),
            _ => None,
        }
    }

    /// The ordering relative to a number; the inner `None` means that the field does not exist.
    #[inline(always)]
    pub(crate) fn order(self, number: i32) -> Option<Option<Ordering>> {
        match self.kind {
            ABSENT => Some(None),
            _ => Some(Some(self.element().int32()?.cmp(&number))),
        }
    }

    /// Whether both fields exist and have the same scalar value.
    #[inline(always)]
    pub(crate) fn same(self, other: Self) -> Option<bool> {
        let (left, right) = (self.element(), other.element());
        if self.checked && other.checked { left.is_same_checked(right) } else { left.is_same(right) }
    }
}
