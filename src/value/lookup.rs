use std::cell::Cell;
use std::hint;

use super::duplicate_key::{Guide, repeated_key_guided};
use super::element::Element;
use super::element_header::ElementHeader;
use super::key::KeyHead;
use super::requested_fields::MAX_REQUESTED;
use super::{DocumentRef, Field, Malformed, RawFieldValue, RequestedFields, Slot};

/// A document in which several fields are looked up by name. In a raw document, the positions of all requested fields
/// are recorded as the document is read, so that all lookups together take at most one pass, which goes only as far as
/// needed.
pub(crate) struct Lookup<'d> {
    document: DocumentRef<'d>,
    requested: &'d RequestedFields,
    /// The offset up to which the document has been read.
    passed: Cell<u32>,
    /// The number of elements before that offset, if they were read one by one.
    place: Cell<usize>,
    /// The start and end offsets of each requested field; 0 if it has not been found.
    found: [Cell<(u32, u32)>; MAX_REQUESTED],
    /// Whether the entire document is known to be valid BSON.
    checked: Cell<bool>,
}

/// The size in bytes of a cache line on nearly all CPUs.
const CACHE_LINE: usize = 64;
/// The number of cache lines to load. After that many, the hardware prefetcher has detected the access pattern.
const LINES: usize = 16;

/// The offset of the first element, which follows the length prefix.
const FIRST_ELEMENT: u32 = 4;

impl<'d> Lookup<'d> {
    #[inline]
    pub(crate) fn new(document: DocumentRef<'d>, requested: &'d RequestedFields) -> Self {
        Self {
            document,
            requested,
            passed: Cell::new(FIRST_ELEMENT),
            place: Cell::new(0),
            found: [const { Cell::new((0, 0)) }; MAX_REQUESTED],
            checked: Cell::new(false),
        }
    }

    /// Loads the cache lines of the document in advance. Most CPUs load them in parallel, whereas reading the document
    /// would wait for one line after another.
    #[inline(always)]
    pub(crate) fn bring_near(&self) {
        let bytes = match self.document {
            DocumentRef::Raw(document) => document.as_bytes(),
            DocumentRef::Prepared(document) => document.whole(),
            DocumentRef::Decoded(_) => return,
        };
        let lines = bytes.iter().step_by(CACHE_LINE).take(LINES);
        hint::black_box(lines.fold(0, |all, byte| all ^ byte));
    }

    /// Like [`DocumentRef::repeated_key`]. This reads the entire document and records all requested fields.
    pub(crate) fn repeated_key(&self) -> Result<Option<&'d str>, Malformed> {
        let DocumentRef::Raw(document) = self.document else { return self.document.repeated_key() };
        let bytes = document.as_bytes();
        let repeated = repeated_key_guided(bytes, self)?;
        if repeated.is_none() {
            // The final NUL has not been read.
            self.passed.set(u32::try_from(bytes.len().saturating_sub(1)).unwrap_or(u32::MAX));
            self.checked.set(true);
        }
        Ok(repeated)
    }

    pub(crate) const fn document(&self) -> DocumentRef<'d> {
        self.document
    }

    /// The field with this name, given its number.
    #[inline(always)]
    pub(crate) fn field(&self, slot: Slot, name: &str) -> Result<Option<Field<'d>>, Malformed> {
        match (self.document, self.found.get(slot.index())) {
            (DocumentRef::Raw(document), Some(found)) => match found.get() {
                (0, _) => self.seek(document.as_bytes(), slot),
                (from, to) => Ok(document
                    .as_bytes()
                    .get(from as usize..to as usize)
                    .and_then(|element| Element::after_key(element, name.len()))
                    .map(if self.checked.get() { Field::Checked } else { Field::Raw })),
            },
            (DocumentRef::Prepared(document), Some(_)) => {
                Ok(self.requested.name(slot).and_then(|name| document.find_usual(name)).map(Field::Checked))
            }
            _ => Field::find(self.document, name),
        }
    }

    /// The value of a requested field, given its number and the length of its name; `None` if the document is decoded.
    #[inline(always)]
    pub(crate) fn raw_value(&self, slot: Slot, length: usize) -> Option<RawFieldValue<'d>> {
        match self.document {
            DocumentRef::Raw(document) => {
                let (from, to) = self.found.get(slot.index())?.get();
                if from == 0 {
                    return self.seek_glimpse(document.as_bytes(), slot);
                }
                let element = document.as_bytes().get(from as usize..to as usize)?;
                Some(RawFieldValue::of(Element::after_key(element, length)?, self.checked.get()))
            }
            DocumentRef::Prepared(document) => Some(match document.find_usual(self.requested.name(slot)?) {
                Some(element) => RawFieldValue::of(element, true),
                None => RawFieldValue::absent(),
            }),
            DocumentRef::Decoded(_) => None,
        }
    }

    #[inline(never)]
    fn seek_glimpse(&self, bytes: &'d [u8], slot: Slot) -> Option<RawFieldValue<'d>> {
        match self.seek(bytes, slot).ok()? {
            Some(Field::Raw(element) | Field::Checked(element)) => Some(RawFieldValue::of(element, self.checked.get())),
            Some(Field::Decoded(_)) => None,
            None => Some(RawFieldValue::absent()),
        }
    }

    /// Reads on to the requested field, recording other requested fields on the way.
    fn seek(&self, bytes: &'d [u8], slot: Slot) -> Result<Option<Field<'d>>, Malformed> {
        let (mut at, mut place) = (self.passed.get() as usize, self.place.get());
        let found = loop {
            let here = at;
            let Some(rest) = bytes.get(here..) else { break Err(Malformed::new("a document ends too early")) };
            let (element, met) = match self.foreseen(place, here, rest) {
                Some(foreseen) => foreseen,
                None => match ElementHeader::at_any(rest) {
                    Ok(Some(element)) => (element, self.meet(place, here, element.key, element.size, rest)),
                    // The offset stays at the end of the document, so that the next lookup finds it there.
                    Ok(None) => break Ok(None),
                    Err(error) => break Err(error),
                },
            };
            (at, place) = (here + element.size, place + 1);
            if met == Some(slot) {
                break Ok(Some(Field::Raw(element.element(rest))));
            }
        };
        self.passed.set(u32::try_from(at).unwrap_or(u32::MAX));
        self.place.set(place);
        found
    }

    /// The element at offset `at`, provided that its key was predicted. If it is requested, it is recorded.
    #[inline(always)]
    fn foreseen(&self, place: usize, at: usize, rest: &[u8]) -> Option<(ElementHeader, Option<Slot>)> {
        let (key, slot) = self.foresee(place, rest)?;
        let element = ElementHeader::of_key(*rest.first()?, key, rest)?;
        self.passed(slot, at, element.size);
        Some((element, slot))
    }

    /// Records an element whose key was not predicted, if it is requested, and makes it the prediction for this
    /// position.
    #[inline(always)]
    fn meet(&self, place: usize, at: usize, key: KeyHead, size: usize, rest: &[u8]) -> Option<Slot> {
        let is_perhaps = self.requested.may_have(key.hash());
        let text = || rest.get(1..=key.length).unwrap_or_default();
        let slot = if is_perhaps { self.requested.find(text(), key) } else { None };
        if let Some(slot) = slot {
            self.note(slot, (at, at + size));
        }
        self.requested.usual.learn(place, key, slot, rest);
        slot
    }

    /// Records the position of a requested field, unless an earlier field had the same key.
    #[inline(always)]
    fn note(&self, slot: Slot, (from, to): (usize, usize)) {
        if let Some(found) = self.found.get(slot.index())
            && found.get().0 == 0
        {
            let small = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            found.set((small(from), small(to)));
        }
    }
}

impl Guide for Lookup<'_> {
    #[inline(always)]
    fn foresee(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)> {
        self.requested.usual.recognise(place, rest)
    }

    #[inline(always)]
    fn passed(&self, slot: Option<Slot>, at: usize, size: usize) {
        if let Some(slot) = slot {
            self.note(slot, (at, at + size));
        }
    }

    #[inline(always)]
    fn met(&self, place: usize, at: usize, key: KeyHead, size: usize, rest: &[u8]) {
        self.meet(place, at, key, size, rest);
    }
}
