use super::cstring;
use super::element_header::length_before_nul;
use super::key::KeyHead;
use super::keys::KnownKeys;
use super::layout::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, EMBEDDED, INT32, LENGTH, OBJECT_ID, STRING};
use super::raw::Walk;
use super::texts::{ascii_end, is_utf8};
use super::{MAX_DEPTH, Malformed, Slot, ValueRef};

/// The first duplicate key in a document or in one nested in it. All values up to there are checked to be valid BSON.
///
/// # Errors
/// If the bytes are not BSON, or are nested deeper than [`MAX_DEPTH`].
pub(crate) fn repeated_key(document: &[u8]) -> Result<Option<&str>, Malformed> {
    repeated_key_guided(document, &Unguided)
}

/// Like [`repeated_key`], with a guide for the top-level fields.
#[inline]
pub(super) fn repeated_key_guided<'d>(document: &'d [u8], guide: &impl Guide) -> Result<Option<&'d str>, Malformed> {
    match (Pass { bytes: document, ascii: 0 }).document(document, 0, 0, guide) {
        Ok(()) => Ok(None),
        Err(Fault::Repeated(key)) => Ok(Some(key)),
        Err(Fault::Malformed(malformed)) => Err(malformed),
    }
}

/// Predicts the keys of top-level fields and is notified of each field. `place` is the zero-based position of the
/// field, `at` its offset in the document, and `rest` the bytes from that offset on.
pub(super) trait Guide {
    /// The key predicted at this position, with the number of the requested name, if any; `None` if there is no
    /// prediction or it is wrong. The implementation must compare the entire key, including its NUL, and may only
    /// predict keys that are UTF-8.
    fn foresee(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)>;

    /// Called after a field whose key was predicted.
    fn passed(&self, slot: Option<Slot>, at: usize, size: usize);

    /// Called after a field whose key was not predicted.
    fn met(&self, place: usize, at: usize, key: KeyHead, size: usize, rest: &[u8]);
}

/// A guide that makes no predictions.
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

/// The number of bytes after a string that are checked to be ASCII along with it. Checking more would often be wasted,
/// since they need not contain strings.
const CHECKED_AHEAD: usize = 1024;

/// Why the pass ended early.
enum Fault<'d> {
    Repeated(&'d str),
    Malformed(Malformed),
}

impl From<Malformed> for Fault<'_> {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// A pass over a document and everything nested in it.
struct Pass<'d> {
    bytes: &'d [u8],
    /// The offset up to which all bytes are known to be ASCII, counting from the last string that was scanned. Most of
    /// the following strings end before it and need no scan.
    ascii: usize,
}

impl<'d> Pass<'d> {
    /// Checks a document that starts at `start` and ends where `inside` ends.
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

    /// Checks an array. Array keys are never read, so duplicates do no harm and only UTF-8 is required.
    #[inline(never)]
    fn array(&mut self, inside: &'d [u8], start: usize, depth: usize) -> Result<(), Fault<'d>> {
        if depth > MAX_DEPTH {
            return Err(Malformed::depth().into());
        }
        let mut at = start + LENGTH;
        loop {
            let rest = inside.get(at..).unwrap_or_default();
            let frequent = match *rest {
                // The common case of an index below 10. Among keys of one byte, exactly the ASCII ones are UTF-8.
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

    /// Checks the value of an element, given the length of its key, and returns the element's size. `None` if the type
    /// is rare, the value is malformed, or there is no element, all of which are left to the general check.
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

    /// Checks an element of any type at offset `at`; `None` at the end of the document.
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
            // The scope comes last in the value.
            let (end, size) = (at + size, scope.raw_bytes().len());
            self.embedded(inside.get(..end).unwrap_or_default(), end - size, depth + 1)?;
        }
        Ok(Some((key, size)))
    }

    /// Checks that a string is UTF-8, and extends the range known to be ASCII.
    #[inline(never)]
    fn text(&mut self, start: usize, end: usize) -> Result<(), Malformed> {
        let ahead = self.bytes.get(..end + CHECKED_AHEAD).unwrap_or(self.bytes);
        self.ascii = ascii_end(ahead, start);
        if end <= self.ascii || self.bytes.get(start..end).is_some_and(is_utf8) {
            return Ok(());
        }
        Err(Malformed::new("a string is not UTF-8"))
    }
}
