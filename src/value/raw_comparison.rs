use std::cmp::Ordering;

use super::Key;
use super::element::Element;
use super::layout::{ARRAY, EMBEDDED};
use super::raw::Walk;
use super::raw::has_text_unchecked;
use super::texts::{has_text, is_same_text, is_utf8};

/// What a field of a document in bytes holds, for the comparisons that are made most often. Each gives none if it
/// takes more than a look at plain values, or if anything is malformed.
///
/// Small, so that it stays in registers.
#[derive(Clone, Copy)]
pub(crate) struct RawFieldValue<'d> {
    value: &'d [u8],
    /// BSON's number of the type; [`ABSENT`] if there is no such field.
    kind: u8,
    /// Whether the bytes are known to be BSON.
    checked: bool,
}

/// No type has this number.
const ABSENT: u8 = 0;

impl<'d> RawFieldValue<'d> {
    #[inline(always)]
    pub(super) const fn of(element: Element<'d>, checked: bool) -> Self {
        Self { value: element.bytes(), kind: element.kind(), checked }
    }

    /// Of a field that is not there.
    pub(super) const fn absent() -> Self {
        Self { value: &[], kind: ABSENT, checked: true }
    }

    /// Of what stands at the end of a path that begins in the field and leads through documents only.
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

    /// Whether it is the text, or an array with it.
    #[inline(always)]
    pub(crate) fn is_text(self, text: &str) -> Option<bool> {
        match self.element().string_bytes() {
            Some(content) if is_same_text(content, text.as_bytes()) => Some(true),
            // What is not UTF-8 is an error, not another text.
            Some(content) => (self.checked || is_utf8(content)).then_some(false),
            None if self.kind == ABSENT => Some(false),
            None => self.has_text(text),
        }
    }

    /// Whether it is one of the texts, or an array with one of them.
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

    // Its parts are what is given on: a whole `RawFieldValue` would not stay in registers.
    #[inline(always)]
    fn has_text(self, text: &str) -> Option<bool> {
        match (self.kind, self.checked) {
            (ARRAY, true) => has_text(self.value, text.as_bytes()),
            (ARRAY, false) => has_text_unchecked(self.value, text),
            _ => None,
        }
    }

    /// How it compares with a number; nothing if there is no such field.
    #[inline(always)]
    pub(crate) fn order(self, number: i32) -> Option<Option<Ordering>> {
        match self.kind {
            ABSENT => Some(None),
            _ => Some(Some(self.element().int32()?.cmp(&number))),
        }
    }

    /// Whether both are there and the same plain value.
    #[inline(always)]
    pub(crate) fn same(self, other: Self) -> Option<bool> {
        let (left, right) = (self.element(), other.element());
        if self.checked && other.checked { left.is_same_checked(right) } else { left.is_same(right) }
    }
}
