use std::cmp::Ordering;

use super::raw::Element;

/// What a top-level field of a document in bytes holds, for the comparisons that are made most often. Each gives none if it
/// takes more than a look at plain values, or if anything is malformed.
#[derive(Clone, Copy)]
pub(crate) struct Glimpse<'d> {
    /// None if there is no such field.
    element: Option<Element<'d>>,
    /// Whether the bytes are known to be BSON.
    checked: bool,
}

impl<'d> Glimpse<'d> {
    #[inline(always)]
    pub(super) const fn new(element: Option<Element<'d>>, checked: bool) -> Self {
        Self { element, checked }
    }

    /// Whether it is the text, or an array with it.
    #[inline(always)]
    pub(crate) fn is_text(self, text: &str) -> Option<bool> {
        let Some(element) = self.element else { return Some(false) };
        match element.string_bytes() {
            Some(content) if content == text.as_bytes() => Some(true),
            // What is not UTF-8 is an error, not another text.
            Some(content) => (self.checked || super::raw::is_utf8(content)).then_some(false),
            None if self.checked => element.has_string(text),
            None => element.elements().and_then(|mut elements| {
                while let Some((element, _)) = elements.step_with_head().ok()? {
                    if element.is_string(text)? {
                        return Some(true);
                    }
                }
                Some(false)
            }),
        }
    }

    /// How it compares with a number; `absent` if there is no such field.
    #[inline(always)]
    pub(crate) fn order(self, number: i32) -> Option<Option<Ordering>> {
        match self.element {
            Some(element) => Some(Some(element.int32()?.cmp(&number))),
            None => Some(None),
        }
    }

    /// Whether both are there and the same plain value.
    #[inline(always)]
    pub(crate) fn same(self, other: Self) -> Option<bool> {
        let (left, right) = (self.element?, other.element?);
        if self.checked && other.checked { left.is_same_checked(right) } else { left.is_same(right) }
    }
}
