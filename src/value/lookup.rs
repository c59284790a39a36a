use std::cell::Cell;

use super::raw::{Element, Glance, Walk};
use super::repeated::repeated_key_meeting;
use super::wanted::{KeyHead, WANTED};
use super::{DocumentRef, Field, Glimpse, Malformed, Slot, Wanted};

/// A document of which several fields will be asked for. Of a raw one, every wanted field that is passed on the way to
/// another is noted, so that all questions together take one pass at most, and no more of it than they need.
pub(crate) struct Lookup<'d> {
    document: DocumentRef<'d>,
    wanted: &'d Wanted,
    /// Up to where the bytes have been passed.
    passed: Cell<u32>,
    /// From where to where each wanted field's element goes; nowhere for those not met yet.
    found: [Cell<(u32, u32)>; WANTED],
    /// Whether the bytes are known to be BSON.
    checked: Cell<bool>,
}

/// Of a document's first element: its length stands before it.
const FIRST: u32 = 4;

impl<'d> Lookup<'d> {
    #[inline]
    pub(crate) fn new(document: DocumentRef<'d>, wanted: &'d Wanted) -> Self {
        Self {
            document,
            wanted,
            passed: Cell::new(FIRST),
            found: [const { Cell::new((0, 0)) }; WANTED],
            checked: Cell::new(false),
        }
    }

    /// As [`DocumentRef::repeated_key`]. The pass over the bytes that this takes notes every wanted field.
    pub(crate) fn repeated_key(&self) -> Result<Option<&'d str>, Malformed> {
        let DocumentRef::Raw(document) = self.document else { return self.document.repeated_key() };
        let bytes = document.as_bytes();
        let repeated = repeated_key_meeting(bytes, &mut |text, key, hash, extent| {
            if self.wanted.may_have(hash) {
                self.note(text, key, extent);
            }
        })?;
        if repeated.is_none() {
            // What ends the document is all that is left.
            self.passed.set(u32::try_from(bytes.len().saturating_sub(1)).unwrap_or(u32::MAX));
            self.checked.set(true);
        }
        Ok(repeated)
    }

    pub(crate) const fn document(&self) -> DocumentRef<'d> {
        self.document
    }

    /// The field with a name, whose number is `slot`.
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
                Ok(self.wanted.name(slot).and_then(|name| document.find_usual(name)).map(Field::Checked))
            }
            _ => Field::find(self.document, name),
        }
    }

    /// A glimpse of the wanted field with this number, whose name has this length; none of a decoded document.
    #[inline(always)]
    pub(crate) fn glimpse(&self, slot: Slot, length: usize) -> Option<Glimpse<'d>> {
        match self.document {
            DocumentRef::Raw(document) => {
                let (from, to) = self.found.get(slot.index())?.get();
                if from == 0 {
                    return self.seek_glimpse(document.as_bytes(), slot);
                }
                let element = document.as_bytes().get(from as usize..to as usize)?;
                Some(Glimpse::of(Element::after_key(element, length)?, self.checked.get()))
            }
            DocumentRef::Prepared(document) => Some(match document.find_usual(self.wanted.name(slot)?) {
                Some(element) => Glimpse::of(element, true),
                None => Glimpse::absent(),
            }),
            DocumentRef::Decoded(_) => None,
        }
    }

    #[inline(never)]
    fn seek_glimpse(&self, bytes: &'d [u8], slot: Slot) -> Option<Glimpse<'d>> {
        match self.seek(bytes, slot).ok()? {
            Some(Field::Raw(element) | Field::Checked(element)) => Some(Glimpse::of(element, self.checked.get())),
            Some(Field::Decoded(_)) => None,
            None => Some(Glimpse::absent()),
        }
    }

    /// Goes on until the wanted field, and notes the other wanted ones.
    fn seek(&self, bytes: &'d [u8], slot: Slot) -> Result<Option<Field<'d>>, Malformed> {
        let mut at = self.passed.get();
        let found = loop {
            let rest = bytes.get(at as usize..).unwrap_or_default();
            let Some(glance) = Glance::at(rest) else {
                let mut walk = Walk::at(bytes, at);
                let (element, key) = match walk.step_with_head() {
                    Ok(Some(step)) => step,
                    // Here the walk stays: it will meet the same again.
                    Ok(None) => break Ok(None),
                    Err(error) => break Err(error),
                };
                let next = walk.position(bytes);
                let met = self.note(element.key_bytes(), key, (at, next));
                at = next;
                if met == Some(slot) {
                    break Ok(Some(Field::Raw(element)));
                }
                continue;
            };
            let here = at;
            at = at.saturating_add(u32::try_from(glance.size).unwrap_or(u32::MAX));
            if self.wanted.may_have(glance.key.hash())
                && self.note(glance.key_bytes(rest), glance.key, (here, at)) == Some(slot)
            {
                break Ok(Some(Field::Raw(glance.element(rest))));
            }
        };
        self.passed.set(at);
        found
    }

    /// Notes where an element is, if it is wanted and the first with its key.
    fn note(&self, text: &[u8], key: KeyHead, extent: (u32, u32)) -> Option<Slot> {
        let slot = self.wanted.find(text, key)?;
        if let Some(found) = self.found.get(slot.index())
            && found.get().0 == 0
        {
            found.set(extent);
        }
        Some(slot)
    }
}
