//! Iteration over the elements of a raw document. Keys are compared as bytes, and values that are not needed are
//! skipped by their length. All accesses are bounds-checked: malformed bytes lead to an error, not to a panic.

use bson::RawDocument;

use super::cstring::take_cstring;
use super::element::{Element, size};
use super::element_header::ElementHeader;
use super::key::KeyHead;
use super::layout::LENGTH;
use super::{ArrayRef, DocumentRef, MAX_DEPTH, Malformed, ValueRef};

/// An iterator over the remaining elements of a document.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    /// The bytes from the next element to the end of the document, including its final NUL.
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(document: &'a RawDocument) -> Self {
        Self::of_bytes(document.as_bytes())
    }

    /// Iterates over a document, including its length prefix.
    pub(super) fn of_bytes(document: &'a [u8]) -> Self {
        Self { rest: document.get(LENGTH..).unwrap_or_default(), failed: false }
    }

    /// Iterates over elements, which are followed by the final NUL of a document.
    #[inline]
    pub(super) const fn of_elements(rest: &'a [u8]) -> Self {
        Self { rest, failed: false }
    }

    /// The bytes that have not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The offset of the next element within `document`.
    #[inline]
    pub(super) fn position(&self, document: &[u8]) -> u32 {
        u32::try_from(document.len() - self.rest.len()).unwrap_or(u32::MAX)
    }

    /// The first element with this key.
    #[inline]
    pub(super) fn find(self, key: &str) -> Result<Option<Element<'a>>, Malformed> {
        self.find_with_head(key, KeyHead::of(key.as_bytes()))
    }

    /// Like [`Self::find`], given the head of the key.
    #[inline]
    pub(super) fn find_with_head(mut self, key: &str, head: KeyHead) -> Result<Option<Element<'a>>, Malformed> {
        while let Some((element, other)) = self.step_with_head()? {
            if other == head && (head.length <= 8 || element.key == key.as_bytes()) {
                return Ok(Some(element));
            }
        }
        Ok(None)
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        self.step_with_head().map(|step| step.map(|(element, _)| element))
    }

    /// The next element, with the head of its key.
    #[inline(always)]
    pub(super) fn step_with_head(&mut self) -> Result<Option<(Element<'a>, KeyHead)>, Malformed> {
        if let Some(header) = ElementHeader::at(self.rest) {
            let element = header.element(self.rest);
            self.rest = self.rest.get(header.size..).unwrap_or_default();
            return Ok(Some((element, header.key)));
        }
        if let [0] = *self.rest {
            return Ok(None);
        }
        let Some(element) = self.careful_step()? else { return Ok(None) };
        Ok(Some((element, KeyHead::of(element.key))))
    }

    /// The next element, of whatever type and key.
    #[inline(never)]
    fn careful_step(&mut self) -> Result<Option<Element<'a>>, Malformed> {
        match *self.rest {
            [0] => Ok(None),
            [kind, ref after @ ..] => {
                let (key, after) = take_cstring(after)?;
                self.element(kind, key, after).map(Some)
            }
            [] => Err(Malformed::new("a document does not end with NUL")),
        }
    }

    #[inline(always)]
    fn element(&mut self, kind: u8, key: &'a [u8], after: &'a [u8]) -> Result<Element<'a>, Malformed> {
        let size = size(kind, after)?;
        let (value, rest) =
            after.split_at_checked(size).ok_or_else(|| Malformed::new("a value ends after its document"))?;
        self.rest = rest;
        Ok(Element::new(kind, key, value))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Element<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step().transpose();
        self.failed = matches!(step, Some(Err(_)));
        step
    }
}

/// Like [`has_text`](super::texts::has_text), for an array that has not been validated.
#[inline(never)]
pub(super) fn has_text_unchecked(array: &[u8], text: &str) -> Option<bool> {
    let mut elements = Walk::of_bytes(array);
    while let Some((element, _)) = elements.step_with_head().ok()? {
        if element.is_string(text)? {
            return Some(true);
        }
    }
    Some(false)
}

impl ElementHeader {
    /// The header of the first element, of whatever type and key; `None` at the end of the document.
    #[inline(always)]
    pub(super) fn at_any(rest: &[u8]) -> Result<Option<Self>, Malformed> {
        match (Self::at(rest), rest) {
            (Some(header), _) => Ok(Some(header)),
            (None, [0]) => Ok(None),
            (None, _) => Self::at_rare(rest),
        }
    }

    #[inline(never)]
    fn at_rare(rest: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut walk = Walk::of_elements(rest);
        Ok(walk.step_with_head()?.map(|(element, key)| Self {
            kind: element.kind(),
            key,
            size: walk.position(rest) as usize,
        }))
    }
}

impl Element<'_> {
    /// Validates the value and everything nested in it, to the same extent as decoding it.
    pub(super) fn check(self) -> Result<(), Malformed> {
        self.check_at(0)
    }

    fn check_at(self, depth: usize) -> Result<(), Malformed> {
        match self.value()? {
            ValueRef::Document(DocumentRef::Raw(inside))
            | ValueRef::Array(ArrayRef::Raw(inside))
            | ValueRef::CodeWithScope { scope: DocumentRef::Raw(inside), .. } => {
                if depth >= MAX_DEPTH {
                    return Err(Malformed::depth());
                }
                Walk::new(inside).try_for_each(|element| element?.check_at(depth + 1))
            }
            _ => Ok(()),
        }
    }
}
