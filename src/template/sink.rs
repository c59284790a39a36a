//! Output formats for the value of a template.

use bson::{Bson, Document};

use super::form::Literal;
use super::layout::{LENGTH, STRING};
use super::unresolved::Reason;
use crate::json::{self, MAX_DEPTH, MAX_SIZE};
use crate::value::{Container, MAX_DEPTH as DEEPEST, ValueRef, encode_at, type_byte};

/// Where a value goes: the top level, a key of the open document, or the end of the open array.
#[derive(Clone, Copy)]
pub(super) enum Slot<'k> {
    Top,
    /// The key and, if it is known in advance, the JSON for it, including the colon.
    Key(&'k str, Option<&'k [u8]>),
    Element,
}

/// Receives the value of a template. A method that fails leaves the sink unchanged.
pub(super) trait Sink {
    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason>;
    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason>;
    fn begin(&mut self, slot: Slot<'_>, container: Container) -> Mark;
    fn end(&mut self, mark: Mark);
    /// Starts a string, which consists of the parts that follow.
    fn begin_text(&mut self, slot: Slot<'_>) -> Mark;
    fn part(&mut self, part: &str);
    fn end_text(&mut self, mark: Mark);
    /// Discards a string that was started.
    fn cancel_text(&mut self, mark: Mark);
    /// The number of bytes written.
    fn size(&self) -> usize;

    /// Whether the output format permits this key, which contains inserted text.
    fn takes_key(&self, _: &str) -> bool {
        true
    }
}

/// A container or string that has been started but not ended.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    container: Option<Container>,
    /// The size of the output before it.
    before: usize,
    /// The position of its length prefix.
    length: usize,
    /// The number of elements of the enclosing array, without this value and with it.
    count: usize,
    count_behind: usize,
}

impl Mark {
    /// For a sink that tracks open values itself.
    const fn of(container: Option<Container>) -> Self {
        Self { container, before: 0, length: 0, count: 0, count_behind: 0 }
    }
}

/// The difference between the depth limit of BSON values and that of templates. Adding it to the depth of a value
/// applies the limit of templates to functions that check the other one.
pub(super) const DEEPER: usize = DEEPEST - MAX_DEPTH;

/// The reason to report for a value that was not written: excessive nesting if there is any, otherwise `error`.
fn refused(value: ValueRef<'_>, depth: usize, error: impl Into<Reason>) -> Reason {
    size(value, depth).err().unwrap_or_else(|| error.into())
}

/// Builds a decoded [`Bson`].
#[derive(Default)]
pub(super) struct BsonSink {
    open: Vec<(Option<String>, Bson)>,
    done: Option<Bson>,
    size: usize,
}

impl BsonSink {
    /// The value; `None` if nothing was written.
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

    fn begin(&mut self, slot: Slot<'_>, container: Container) -> Mark {
        self.size = self.size.saturating_add(5);
        let empty = match container {
            Container::Document => Bson::Document(Document::new()),
            Container::Array => Bson::Array(Vec::new()),
        };
        self.open.push((owned(slot), empty));
        Mark::of(Some(container))
    }

    fn end(&mut self, _: Mark) {
        if let Some((key, value)) = self.open.pop() {
            self.put(key, value);
        }
    }

    fn begin_text(&mut self, slot: Slot<'_>) -> Mark {
        self.open.push((owned(slot), Bson::String(String::new())));
        Mark::of(None)
    }

    fn part(&mut self, part: &str) {
        if let Some((_, Bson::String(text))) = self.open.last_mut() {
            text.push_str(part);
        }
    }

    fn end_text(&mut self, _: Mark) {
        let Some((key, Bson::String(text))) = self.open.pop() else { return };
        self.size = self.size.saturating_add(text.len());
        if self.size <= MAX_SIZE {
            self.put(key, text.into());
        }
    }

    fn cancel_text(&mut self, _: Mark) {
        self.open.pop();
    }

    fn size(&self) -> usize {
        self.size
    }
}

/// A lower bound on the encoded size of a value in bytes.
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

/// Appends encoded BSON.
pub(super) struct RawSink<'b> {
    bytes: &'b mut Vec<u8>,
    /// The number of elements written to the innermost array.
    count: usize,
}

impl<'b> RawSink<'b> {
    /// A top-level value is written without type byte and key.
    pub(super) const fn new(bytes: &'b mut Vec<u8>) -> Self {
        Self { bytes, count: 0 }
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
                decimal(self.count, self.bytes);
                self.count += 1;
            }
        }
        self.bytes.push(0);
    }

    /// Writes the type byte and key of a value and reserves its length prefix.
    fn mark(&mut self, slot: Slot<'_>, kind: u8, container: Option<Container>) -> Mark {
        let (before, count) = (self.bytes.len(), self.count);
        self.head(slot, kind);
        let length = self.bytes.len();
        self.bytes.extend_from_slice(&[0; LENGTH]);
        Mark { container, before, length, count, count_behind: self.count }
    }

    /// Fills in the length prefix with the number of bytes from `from` to the end.
    fn set_length(&mut self, mark: Mark, from: usize) {
        // A length beyond `i32` also exceeds the size limit, which rejects the value.
        let length = i32::try_from(self.bytes.len().saturating_sub(from)).unwrap_or(i32::MAX);
        if let Some(place) = self.bytes.get_mut(mark.length..).and_then(<[u8]>::first_chunk_mut) {
            *place = length.to_le_bytes();
        }
    }
}

/// Appends a number in decimal digits.
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
        let (before, count) = (self.bytes.len(), self.count);
        self.head(slot, type_byte(value));
        encode_at(value, depth.saturating_add(DEEPER), self.bytes).map_err(|error| {
            self.bytes.truncate(before);
            self.count = count;
            refused(value, depth, error)
        })
    }

    fn begin(&mut self, slot: Slot<'_>, container: Container) -> Mark {
        let mark = self.mark(slot, container.kind(), Some(container));
        self.count = 0;
        mark
    }

    fn end(&mut self, mark: Mark) {
        self.bytes.push(0);
        self.set_length(mark, mark.length);
        self.count = mark.count_behind;
    }

    fn begin_text(&mut self, slot: Slot<'_>) -> Mark {
        self.mark(slot, STRING, None)
    }

    fn part(&mut self, part: &str) {
        self.bytes.extend_from_slice(part.as_bytes());
    }

    fn end_text(&mut self, mark: Mark) {
        self.bytes.push(0);
        self.set_length(mark, mark.length.saturating_add(LENGTH));
    }

    fn cancel_text(&mut self, mark: Mark) {
        self.bytes.truncate(mark.before);
        self.count = mark.count;
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes relaxed extended JSON on one line.
pub(super) struct JsonSink<'t> {
    text: &'t mut Vec<u8>,
    /// The length of the buffer before the first byte of the result.
    start: usize,
}

impl<'t> JsonSink<'t> {
    pub(super) const fn new(text: &'t mut Vec<u8>) -> Self {
        Self { start: text.len(), text }
    }

    fn head(&mut self, slot: Slot<'_>) {
        if !matches!(slot, Slot::Top) && !matches!(self.text.last(), Some(b'{' | b'[')) {
            self.text.push(b',');
        }
        match slot {
            Slot::Key(_, Some(json)) => self.text.extend_from_slice(json),
            Slot::Key(key, None) => {
                json::string(key, self.text);
                self.text.push(b':');
            }
            Slot::Top | Slot::Element => {}
        }
    }
}

impl Sink for JsonSink<'_> {
    fn takes_key(&self, key: &str) -> bool {
        !json::is_literal_key(key)
    }

    fn literal(&mut self, slot: Slot<'_>, literal: &Literal) -> Result<(), Reason> {
        let Some(json) = &literal.json else { return Err(not_json(&literal.value)) };
        self.head(slot);
        self.text.extend_from_slice(json);
        Ok(())
    }

    fn value(&mut self, slot: Slot<'_>, value: ValueRef<'_>, depth: usize) -> Result<(), Reason> {
        let before = self.text.len();
        self.head(slot);
        json::write_relaxed(value, depth.saturating_add(DEEPER), self.text).map_err(|error| {
            self.text.truncate(before);
            refused(value, depth, error)
        })
    }

    fn begin(&mut self, slot: Slot<'_>, container: Container) -> Mark {
        self.head(slot);
        self.text.push(match container {
            Container::Document => b'{',
            Container::Array => b'[',
        });
        Mark::of(Some(container))
    }

    fn end(&mut self, mark: Mark) {
        match mark.container {
            Some(Container::Document) => self.text.push(b'}'),
            Some(Container::Array) => self.text.push(b']'),
            None => {}
        }
    }

    fn begin_text(&mut self, slot: Slot<'_>) -> Mark {
        let before = self.text.len();
        self.head(slot);
        self.text.push(b'"');
        Mark { before, ..Mark::of(None) }
    }

    fn part(&mut self, part: &str) {
        json::escape(part, self.text);
    }

    fn end_text(&mut self, _: Mark) {
        self.text.push(b'"');
    }

    fn cancel_text(&mut self, mark: Mark) {
        self.text.truncate(mark.before);
    }

    fn size(&self) -> usize {
        self.text.len() - self.start
    }
}

/// Why a literal cannot be represented in JSON.
fn not_json(value: &Bson) -> Reason {
    json::write_relaxed(value.into(), 0, &mut Vec::new()).map_or_else(Reason::from, |()| Reason::TooDeep)
}
