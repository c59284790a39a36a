//! What the result of a template is written to.

use bson::{Bson, Document};

use super::form::Literal;
use super::unresolved::Reason;
use crate::json::{self, MAX_DEPTH, MAX_SIZE};
use crate::value::{Container, ValueRef, encode, type_byte};

/// Where a value is written: at the top, under a key, or at the end of an array.
#[derive(Clone, Copy)]
pub(super) enum Slot<'k> {
    Top,
    /// The key, and its JSON with the colon behind it where that is at hand.
    Key(&'k str, Option<&'k [u8]>),
    Element,
}

/// A result that is being written. A method that fails has written nothing.
pub(super) trait Sink {
    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason>;
    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason>;
    fn begin(&mut self, slot: Slot<'_>, container: Container);
    fn end(&mut self);
    /// How many bytes were written.
    fn size(&self) -> usize;
}

/// A decoded value.
#[derive(Default)]
pub(super) struct BsonSink {
    open: Vec<(Option<String>, Bson)>,
    done: Option<Bson>,
    size: usize,
}

impl BsonSink {
    /// The result; `None` if nothing was written.
    pub(super) fn finish(self) -> Option<Bson> {
        self.done
    }

    fn put(&mut self, key: Option<String>, value: Bson) {
        match (self.open.last_mut(), key) {
            (Some((_, Bson::Document(document))), Some(key)) => _ = document.insert(key, value),
            (Some((_, Bson::Array(elements))), _) => elements.push(value),
            _ => self.done = Some(value),
        }
    }
}

fn owned(slot: Slot<'_>) -> Option<String> {
    match slot {
        Slot::Key(key, _) => Some(key.to_owned()),
        Slot::Top | Slot::Element => None,
    }
}

impl Sink for BsonSink {
    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason> {
        self.size = self.size.saturating_add(literal.bytes.len());
        self.put(owned(slot), literal.value.clone());
        Ok(())
    }

    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason> {
        self.size = self.size.saturating_add(size(value, depth)?);
        if self.size <= MAX_SIZE {
            self.put(owned(slot), value.to_bson()?);
        }
        Ok(())
    }

    fn begin(&mut self, slot: Slot<'_>, container: Container) {
        self.size = self.size.saturating_add(5);
        let empty = match container {
            Container::Document => Bson::Document(Document::new()),
            Container::Array => Bson::Array(Vec::new()),
        };
        self.open.push((owned(slot), empty));
    }

    fn end(&mut self) {
        if let Some((key, value)) = self.open.pop() {
            self.put(key, value);
        }
    }

    fn size(&self) -> usize {
        self.size
    }
}

/// How many bytes a value takes at least.
pub(super) fn size(value: ValueRef<'_>, depth: usize) -> Result<usize, Reason> {
    if depth > MAX_DEPTH {
        return Err(Reason::TooDeep);
    }
    let mut total: usize = 1;
    match value {
        ValueRef::Document(document) => {
            for field in document.iter() {
                let (key, value) = field?;
                total = total.saturating_add(key.len()).saturating_add(size(value, depth + 1)?);
            }
        }
        ValueRef::Array(array) => {
            for value in array.iter() {
                total = total.saturating_add(size(value?, depth + 1)?);
            }
        }
        ValueRef::String(text) | ValueRef::Code(text) | ValueRef::Symbol(text) => total = text.len(),
        ValueRef::Binary { bytes, .. } => total = bytes.len(),
        _ => {}
    }
    Ok(total)
}

/// BSON's bytes.
pub(super) struct RawSink<'b> {
    bytes: &'b mut Vec<u8>,
    /// Where the length of each open container stands, and how many elements an array has.
    open: Vec<(usize, usize)>,
}

impl<'b> RawSink<'b> {
    /// A top-level value is written without type and key.
    pub(super) const fn new(bytes: &'b mut Vec<u8>) -> Self {
        Self { bytes, open: Vec::new() }
    }

    fn head(&mut self, slot: Slot<'_>, kind: u8) {
        match slot {
            Slot::Top => return,
            Slot::Key(key, _) => {
                self.bytes.push(kind);
                self.bytes.extend_from_slice(key.as_bytes());
            }
            Slot::Element => {
                self.bytes.push(kind);
                let index = self.open.last_mut().map_or(0, |(_, count)| {
                    *count += 1;
                    *count - 1
                });
                decimal(index, self.bytes);
            }
        }
        self.bytes.push(0);
    }
}

/// Appends a number in digits.
fn decimal(number: usize, bytes: &mut Vec<u8>) {
    let digit = u8::try_from(number % 10).unwrap_or(0);
    if number >= 10 {
        decimal(number / 10, bytes);
    }
    bytes.push(b'0' + digit);
}

impl Sink for RawSink<'_> {
    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason> {
        self.head(slot, type_byte((&literal.value).into()));
        self.bytes.extend_from_slice(&literal.bytes);
        Ok(())
    }

    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason> {
        if matches!(value, ValueRef::Document(_) | ValueRef::Array(_)) {
            size(value, depth)?;
        }
        let (before, count) = (self.bytes.len(), self.open.last().map_or(0, |(_, count)| *count));
        self.head(slot, type_byte(value));
        let encoded = encode(value, self.bytes);
        if encoded.is_err() {
            self.bytes.truncate(before);
            self.open.last_mut().into_iter().for_each(|open| open.1 = count);
        }
        Ok(encoded?)
    }

    fn begin(&mut self, slot: Slot<'_>, container: Container) {
        self.head(slot, container.kind());
        self.open.push((self.bytes.len(), 0));
        self.bytes.extend([0; 4]);
    }

    fn end(&mut self) {
        self.bytes.push(0);
        let Some((start, _)) = self.open.pop() else { return };
        // What is too long for its length is refused by its size.
        let length = i32::try_from(self.bytes.len().saturating_sub(start)).unwrap_or(i32::MAX);
        if let Some(place) = self.bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *place = length.to_le_bytes();
        }
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Relaxed extended JSON on one line.
pub(super) struct JsonSink<'t> {
    text: &'t mut Vec<u8>,
    open: Vec<Container>,
}

impl<'t> JsonSink<'t> {
    pub(super) const fn new(text: &'t mut Vec<u8>) -> Self {
        Self { text, open: Vec::new() }
    }

    fn head(&mut self, slot: Slot<'_>) {
        if !matches!(slot, Slot::Top) && !matches!(self.text.last(), Some(b'{' | b'[')) {
            self.text.push(b',');
        }
        match slot {
            Slot::Key(_, Some(json)) => self.text.extend_from_slice(json),
            Slot::Key(key, None) => {
                self.text.extend_from_slice(super::literal::quoted(key).as_bytes());
                self.text.push(b':');
            }
            Slot::Top | Slot::Element => {}
        }
    }
}

impl Sink for JsonSink<'_> {
    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason> {
        let Some(json) = &literal.json else { return Err(not_json(&literal.value)) };
        self.head(slot);
        self.text.extend_from_slice(json);
        Ok(())
    }

    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason> {
        if matches!(value, ValueRef::Document(_) | ValueRef::Array(_)) {
            size(value, depth)?;
        }
        let before = self.text.len();
        self.head(slot);
        let written = json::write_relaxed(value, 0, self.text).map_err(Reason::from);
        if written.is_err() {
            self.text.truncate(before);
        }
        written
    }

    fn begin(&mut self, slot: Slot<'_>, container: Container) {
        self.head(slot);
        self.open.push(container);
        self.text.push(match container {
            Container::Document => b'{',
            Container::Array => b'[',
        });
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Container::Document) => self.text.push(b'}'),
            Some(Container::Array) => self.text.push(b']'),
            None => {}
        }
    }

    fn size(&self) -> usize {
        self.text.len()
    }
}

/// Why a literal has no JSON.
fn not_json(value: &Bson) -> Reason {
    json::write_relaxed(value.into(), 0, &mut Vec::new()).map_or_else(Reason::from, |()| Reason::TooDeep)
}
