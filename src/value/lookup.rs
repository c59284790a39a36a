use std::cell::Cell;

use super::glance::Glance;
use super::raw::{Element, Walk};
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
    /// How many elements were passed, as long as they were passed one by one.
    place: Cell<usize>,
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
            place: Cell::new(0),
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
                self.note(text, key, (extent.0 as usize, extent.1 as usize));
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
        let (mut at, mut place) = (self.passed.get() as usize, self.place.get());
        let found = loop {
            let here = at;
            let Some(rest) = bytes.get(here..) else { break Err(Malformed::new("a document ends too early")) };
            if let Some((glance, met)) = self.wanted.usual.recognise(place, rest) {
                (at, place) = (here + glance.size, place + 1);
                if let Some(met) = met {
                    self.note_at(met, (here, at));
                    if met == slot {
                        break Ok(Some(Field::Raw(glance.element(rest))));
                    }
                }
                continue;
            }
            let Some(glance) = Glance::at(rest) else {
                let mut walk = Walk::of_elements(rest);
                let (element, key) = match walk.step_with_head() {
                    Ok(Some(step)) => step,
                    // Here the walk stays: it will meet the same again.
                    Ok(None) => break Ok(None),
                    Err(error) => break Err(error),
                };
                (at, place) = (here + walk.position(rest) as usize, place + 1);
                if self.note(element.key_bytes(), key, (here, at)) == Some(slot) {
                    break Ok(Some(Field::Raw(element)));
                }
                continue;
            };
            at = here + glance.size;
            let is_perhaps = self.wanted.may_have(glance.key.hash());
            let met = if is_perhaps { self.note(glance.key_bytes(rest), glance.key, (here, at)) } else { None };
            self.wanted.usual.learn(place, glance.key, met, rest);
            place += 1;
            if met == Some(slot) {
                break Ok(Some(Field::Raw(glance.element(rest))));
            }
        };
        self.passed.set(u32::try_from(at).unwrap_or(u32::MAX));
        self.place.set(place);
        found
    }

    /// Notes where an element is, if it is wanted and the first with its key.
    fn note(&self, text: &[u8], key: KeyHead, extent: (usize, usize)) -> Option<Slot> {
        let slot = self.wanted.find(text, key)?;
        self.note_at(slot, extent);
        Some(slot)
    }

    #[inline(always)]
    fn note_at(&self, slot: Slot, (from, to): (usize, usize)) {
        if let Some(found) = self.found.get(slot.index())
            && found.get().0 == 0
        {
            let small = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            found.set((small(from), small(to)));
        }
    }
}
