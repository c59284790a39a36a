use super::cstring;
use super::element_header::length_before_nul;
use super::key::KeyHead;
use super::keys::KnownKeys;
use super::layout::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, EMBEDDED, INT32, LENGTH, OBJECT_ID, STRING};
use super::raw::Walk;
use super::texts::{ascii_end, is_utf8};
use super::{MAX_DEPTH, Malformed, Slot, ValueRef};

/// A key that is duplicated in a document or in a nested one. Every value is checked on the way.
///
/// # Errors
/// If the bytes are no BSON, or nested deeper than [`MAX_DEPTH`].
pub(crate) fn repeated_key(document: &[u8]) -> Result<Option<&str>, Malformed> {
    repeated_key_guided(document, &Unguided)
}

/// As [`repeated_key`], with somebody who foresees the top-level fields and is told of each.
#[inline]
pub(super) fn repeated_key_guided<'d>(document: &'d [u8], guide: &impl Guide) -> Result<Option<&'d str>, Malformed> {
    match (Pass { bytes: document, ascii: 0 }).document(document, 0, 0, guide) {
        Ok(()) => Ok(None),
        Err(Fault::Repeated(key)) => Ok(Some(key)),
        Err(Fault::Malformed(malformed)) => Err(malformed),
    }
}

/// Who is asked and told of the fields that a pass comes to. `place` counts them, and `rest` begins with one, at `at` in
/// the document.
pub(super) trait Guide {
    /// The key that was foreseen in this place, if it stands there, and the number of the name that it is. All of the
    /// key must have been compared, with the NUL behind it, and it must be known to be UTF-8.
    fn foresee(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)>;

    /// Such a field was passed.
    fn passed(&self, slot: Option<Slot>, at: usize, size: usize);

    /// Another field was passed.
    fn met(&self, place: usize, at: usize, key: KeyHead, size: usize, rest: &[u8]);
}

/// Foresees nothing.
struct Unguided;

impl Guide for Unguided {
    #[inline(always)]
    fn foresee(&self, _: usize, _: &[u8]) -> Option<(KeyHead, Option<Slot>)> {
        None
    }

    #[inline(always)]
    fn passed(&self, _: Option<Slot>, _: usize, _: usize) {}

    #[inline(always)]
    fn met(&self, _: usize, _: usize, _: KeyHead, _: usize, _: &[u8]) {}
}

/// So many bytes are looked at behind a text: more would be lost where no text follows.
const AHEAD: usize = 1024;

/// Why a document is not taken.
enum Fault<'d> {
    Repeated(&'d str),
    Malformed(Malformed),
}

impl From<Malformed> for Fault<'_> {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A pass over a document and all that is inside it.
struct Pass<'d> {
    bytes: &'d [u8],
    /// Up to where all is ASCII, whatever it is, from the text on that was looked at last: most texts behind that one need
    /// not be looked at any more.
    ascii: usize,
}

impl<'d> Pass<'d> {
    /// Of a document that begins at `start` and with which `inside` ends.
    #[inline(always)]
    fn document(&mut self, inside: &'d [u8], start: usize, depth: usize, guide: &impl Guide) -> Result<(), Fault<'d>> {
        if depth > MAX_DEPTH {
            return Err(Malformed::depth().into());
        }
        let (mut keys, first) = (KnownKeys::default(), start + LENGTH);
        let (mut at, mut place) = (first, 0);
        loop {
            let rest = inside.get(at..).unwrap_or_default();
            let foreseen = guide.foresee(place, rest);
            let key = foreseen.map(|(key, _)| key).or_else(|| KeyHead::first(rest));
            let frequent = match key {
                Some(key) => self.value(inside, at, rest, key.length, depth)?.map(|size| (key, size)),
                None => None,
            };
            let (key, size) = match frequent {
                Some(frequent) => frequent,
                None if matches!(*rest, [0]) => return Ok(()),
                None => match self.any(inside, at, rest, depth)? {
                    Some(any) => any,
                    None => return Ok(()),
                },
            };
            let text = rest.get(1..1 + key.length).unwrap_or_default();
            if keys.repeat(key, text, || inside.get(first..at).unwrap_or_default())? {
                return Err(Fault::Repeated(cstring::text(text)?));
            }
            match foreseen {
                Some((_, slot)) => guide.passed(slot, at, size),
                None => guide.met(place, at, key, size, rest),
            }
            (at, place) = (at + size, place + 1);
        }
    }

    #[inline(never)]
    fn embedded(&mut self, inside: &'d [u8], start: usize, depth: usize) -> Result<(), Fault<'d>> {
        self.document(inside, start, depth, &Unguided)
    }

    /// Of an array, whose keys nobody reads: they need only be UTF-8, and may stand twice.
    #[inline(never)]
    fn array(&mut self, inside: &'d [u8], start: usize, depth: usize) -> Result<(), Fault<'d>> {
        if depth > MAX_DEPTH {
            return Err(Malformed::depth().into());
        }
        let mut at = start + LENGTH;
        loop {
            let rest = inside.get(at..).unwrap_or_default();
            let frequent = match *rest {
                // One of the first ten, most likely. No key of one byte beyond is UTF-8.
                [_, 1..=0x7F, 0, ..] => self.value(inside, at, rest, 1, depth)?,
                _ => match KeyHead::first(rest) {
                    Some(key) => self.value(inside, at, rest, key.length, depth)?,
                    None => None,
                },
            };
            at += match frequent {
                Some(size) => size,
                None if matches!(*rest, [0]) => return Ok(()),
                None => match self.any(inside, at, rest, depth)? {
                    Some((_, size)) => size,
                    None => return Ok(()),
                },
            };
        }
    }

    /// Checks the value of an element, whose key is so long; how many bytes the element takes. None if it takes another
    /// look: of a rare type, malformed, or no element at all.
    #[inline(always)]
    fn value(
        &mut self,
        inside: &'d [u8],
        at: usize,
        rest: &'d [u8],
        key_length: usize,
        depth: usize,
    ) -> Result<Option<usize>, Fault<'d>> {
        let value = key_length + 2;
        let Some(kind) = rest.first() else { return Ok(None) };
        let size = match *kind {
            STRING => {
                let Some(size) = length_before_nul(rest, value, 1, value + 4) else { return Ok(None) };
                if at + size > self.ascii {
                    self.text(at + value + 4, at + size - 1)?;
                }
                return Ok(Some(size));
            }
            kind @ (EMBEDDED | ARRAY) => {
                let Some(size) = length_before_nul(rest, value, DOCUMENT, value) else { return Ok(None) };
                self.container(kind, inside.get(..at + size).unwrap_or_default(), at + value, depth + 1)?;
                return Ok(Some(size));
            }
            0x01 | DATE_TIME | 0x12 => value + 8,
            OBJECT_ID => value + 12,
            INT32 => value + 4,
            BOOLEAN if matches!(rest.get(value), Some(0 | 1)) => value + 1,
            0x0A => value,
            _ => return Ok(None),
        };
        Ok((size <= rest.len()).then_some(size))
    }

    #[inline(always)]
    fn container(&mut self, kind: u8, inside: &'d [u8], start: usize, depth: usize) -> Result<(), Fault<'d>> {
        if kind == ARRAY { self.array(inside, start, depth) } else { self.embedded(inside, start, depth) }
    }

    /// Checks whatever element stands at `at`; `None` where the document ends.
    #[inline(never)]
    fn any(
        &mut self,
        inside: &'d [u8],
        at: usize,
        rest: &'d [u8],
        depth: usize,
    ) -> Result<Option<(KeyHead, usize)>, Fault<'d>> {
        let mut walk = Walk::of_elements(rest);
        let Some((element, key)) = walk.step_with_head()? else { return Ok(None) };
        let size = walk.position(rest) as usize;
        if element.is_container() {
            self.container(
                element.kind(),
                inside.get(..at + size).unwrap_or_default(),
                at + key.length + 2,
                depth + 1,
            )?;
        } else if let ValueRef::CodeWithScope { scope, .. } = element.value()? {
            // It stands at the end.
            let (end, size) = (at + size, scope.raw_bytes().len());
            self.embedded(inside.get(..end).unwrap_or_default(), end - size, depth + 1)?;
        }
        Ok(Some((key, size)))
    }

    /// Looks at a text, and how far all is ASCII from there on.
    #[inline(never)]
    fn text(&mut self, start: usize, end: usize) -> Result<(), Malformed> {
        let ahead = self.bytes.get(..end + AHEAD).unwrap_or(self.bytes);
        self.ascii = ascii_end(ahead, start);
        if end <= self.ascii || self.bytes.get(start..end).is_some_and(is_utf8) {
            return Ok(());
        }
        Err(Malformed::new("a string is not UTF-8"))
    }
}
