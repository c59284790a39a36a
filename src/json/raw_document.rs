//! A fast path from JSON text to BSON bytes, for the vast majority of texts, which have no errors.

use std::io::Write as _;

use bson::{Bson, RawDocument, RawDocumentBuf};

use super::ejson::{number, to_bson};
use super::parse::{MAX_DEPTH, MAX_SIZE, Parser, has_form_of_number};
use crate::byte_search::string_end;
use crate::value::Keys;

/// Converts text to BSON with the same result as [`parse_bytes`](super::parse_bytes) followed by
/// [`to_document`](super::to_document), into a buffer that can be reused. `None` if the fast path does not apply, as
/// for all invalid texts; the caller then has to use these functions to get the result or the error.
///
/// ```
/// let mut bytes = Vec::new();
/// let document = portcullis::json::to_raw_document(br#"{"a": [1, {"$oid": "65b000000000000000000001"}]}"#, &mut bytes);
/// assert_eq!(document.unwrap().get_array("a").unwrap().into_iter().count(), 2);
/// assert!(portcullis::json::to_raw_document(br#"{"a": 1, "a": 2}"#, &mut bytes).is_none());
/// ```
pub fn to_raw_document<'b>(text: &[u8], bytes: &'b mut Vec<u8>) -> Option<&'b RawDocument> {
    if text.len() > MAX_SIZE {
        return None;
    }
    bytes.clear();
    let mut straight = Straight { text: std::str::from_utf8(text).ok()?, at: 0, bytes };
    straight.space();
    if straight.peek()? != b'{' {
        return None;
    }
    straight.object(None, 0)?;
    straight.space();
    match straight.peek() {
        None => RawDocument::from_bytes(bytes).ok(),
        Some(_) => None,
    }
}

struct Straight<'t, 'b> {
    text: &'t str,
    at: usize,
    bytes: &'b mut Vec<u8>,
}

/// The maximum number of keys in an object. With more, checking for duplicates would take too long.
const MAX_KEYS: u32 = 128;

impl<'t> Straight<'t, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Starts an element, reserving its type byte.
    fn begin(&mut self) -> usize {
        self.bytes.push(0);
        self.bytes.len() - 1
    }

    fn set_kind(&mut self, at: usize, kind: u8) -> Option<()> {
        *self.bytes.get_mut(at)? = kind;
        Some(())
    }

    /// Starts a value, reserving its length prefix.
    fn open(&mut self) -> usize {
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.len() - 4
    }

    /// Completes a value by filling in its length prefix.
    fn close(&mut self, start: usize, counted_from: usize) -> Option<()> {
        self.bytes.push(0);
        let length = i32::try_from(self.bytes.len().checked_sub(counted_from)?).ok()?;
        *self.bytes.get_mut(start..)?.first_chunk_mut()? = length.to_le_bytes();
        Some(())
    }

    fn value(&mut self, kind: usize, depth: usize) -> Option<()> {
        self.space();
        match self.peek()? {
            b'{' => self.object(Some(kind), depth),
            b'[' => self.array(kind, depth),
            b'"' => {
                self.set_kind(kind, 0x02)?;
                self.string()
            }
            b'-' | b'0'..=b'9' => self.number(kind),
            b't' => self.word(kind, "true", 0x08, &[1]),
            b'f' => self.word(kind, "false", 0x08, &[0]),
            b'n' => self.word(kind, "null", 0x0A, &[]),
            _ => None,
        }
    }

    /// Converts an object. The outermost one has no type byte.
    fn object(&mut self, kind: Option<usize>, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let (open, start, mut keys) = (self.at, self.open(), Keys::default());
        self.at += 1;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            kind.map_or(Some(()), |kind| self.set_kind(kind, 0x03))?;
            return self.close(start, start);
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            // This may be an extended JSON literal.
            if matches!(self.rest().get(1), Some(b'$' | b'\\')) {
                if !keys.is_empty() {
                    return None;
                }
                self.bytes.truncate(start);
                self.at = open;
                return self.carefully(kind?, depth);
            }
            let element = self.bytes.len();
            self.key(start, element, &mut keys)?;
            self.space();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.value(element, depth + 1)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
            self.space();
        }
        self.at += 1;
        kind.map_or(Some(()), |kind| self.set_kind(kind, 0x03))?;
        self.close(start, start)
    }

    /// Starts an element with the key that follows. The object, which starts at `start`, must not have that key yet.
    fn key(&mut self, start: usize, element: usize, keys: &mut Keys) -> Option<()> {
        let quoted = self.rest();
        let key = self.plain_string()?;
        if keys.len() >= MAX_KEYS {
            return None;
        }
        if keys.may_have(key, quoted.get(1..).unwrap_or_default()) {
            let object = self.bytes.get(start..element)?;
            if Keys::stand_in(object, key).ok()? {
                return None;
            }
        }
        // The opening quote is replaced by the type byte, the closing one by the NUL.
        append(self.bytes, quoted, key.len() + 2);
        self.end_text()
    }

    fn array(&mut self, kind: usize, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.set_kind(kind, 0x04)?;
        let start = self.open();
        self.at += 1;
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return self.close(start, start);
        }
        let mut index = 0_usize;
        loop {
            let element = self.begin();
            match u8::try_from(index) {
                Ok(digit @ 0..=9) => self.bytes.extend_from_slice(&[b'0' + digit, 0]),
                _ => write!(self.bytes, "{index}\0").ok()?,
            }
            self.value(element, depth + 1)?;
            index += 1;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.at += 1;
        self.close(start, start)
    }

    /// Skips a quoted string; `None` if it contains escapes.
    #[inline]
    fn plain_string(&mut self) -> Option<&'t [u8]> {
        let content = self.rest().get(1..)?;
        let end = string_end(content)?;
        if content.get(end) != Some(&b'"') {
            return None;
        }
        self.at += end + 2;
        content.get(..end)
    }

    /// Converts a quoted string.
    fn string(&mut self) -> Option<()> {
        let quoted = self.rest();
        match self.plain_string() {
            Some(text) => {
                self.text_length(text.len())?;
                // The closing quote is replaced by the NUL.
                append(self.bytes, quoted.get(1..).unwrap_or_default(), text.len() + 1);
                self.end_text()
            }
            None => {
                let mut texts = serde_json::Deserializer::from_slice(quoted).into_iter::<String>();
                let text = texts.next()?.ok()?;
                self.at += texts.byte_offset();
                self.text_length(text.len())?;
                self.bytes.extend_from_slice(text.as_bytes());
                self.bytes.push(0);
                Some(())
            }
        }
    }

    /// Writes the length prefix of a string.
    #[inline]
    fn text_length(&mut self, length: usize) -> Option<()> {
        self.bytes.extend_from_slice(&i32::try_from(length + 1).ok()?.to_le_bytes());
        Some(())
    }

    /// Replaces the byte after a string with the NUL.
    #[inline]
    fn end_text(&mut self) -> Option<()> {
        *self.bytes.last_mut()? = 0;
        Some(())
    }

    fn number(&mut self, kind: usize) -> Option<()> {
        if let Some((value, length)) = small_integer(self.rest()) {
            self.at += length;
            return self.plain(kind, 0x10, &value.to_le_bytes());
        }
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.rest().iter().take_while(|byte| part(byte)).count();
        let text = self.text.get(self.at..self.at + length)?;
        if !has_form_of_number(text.as_bytes()) {
            return None;
        }
        self.at += length;
        match number(text) {
            Bson::Int32(value) => self.plain(kind, 0x10, &value.to_le_bytes()),
            Bson::Int64(value) => self.plain(kind, 0x12, &value.to_le_bytes()),
            Bson::Double(value) if value.is_finite() => self.plain(kind, 0x01, &value.to_le_bytes()),
            _ => None,
        }
    }

    fn word(&mut self, at: usize, word: &str, kind: u8, value: &[u8]) -> Option<()> {
        let rest = self.text.get(self.at..)?.strip_prefix(word)?;
        if rest.chars().next().is_some_and(char::is_alphanumeric) {
            return None;
        }
        self.at += word.len();
        self.plain(at, kind, value)
    }

    fn plain(&mut self, at: usize, kind: u8, value: &[u8]) -> Option<()> {
        self.bytes.extend_from_slice(value);
        self.set_kind(at, kind)
    }

    /// Converts an object by means of [`parse`](super::parse), after only its first key was read.
    fn carefully(&mut self, kind: usize, depth: usize) -> Option<()> {
        if let Some(id) = object_id(self.rest()) {
            self.at += OBJECT_ID;
            return self.plain(kind, 0x07, &id);
        }
        let mut parser = Parser { text: self.text, at: self.at, first_line: 1 };
        let node = parser.value(depth).ok()?;
        let document = RawDocumentBuf::try_from(&bson::doc! { "": to_bson(&node).ok()? }).ok()?;
        self.at = parser.at;
        // The value follows the length, its type byte and an empty key, and precedes the final NUL.
        let [_, _, _, _, found, _, value @ .., _] = document.as_bytes() else { return None };
        self.plain(kind, *found, value)
    }
}

/// The number of bytes up to which copying is inlined.
const INLINE_COPY: usize = 32;

/// Appends the first `length` bytes of `text`. If they are few, a constant number of bytes is copied, which takes few
/// instructions, and the excess is truncated.
#[inline(always)]
fn append(bytes: &mut Vec<u8>, text: &[u8], length: usize) {
    let end = bytes.len() + length;
    match text.first_chunk::<INLINE_COPY>() {
        Some(chunk) if length <= INLINE_COPY => {
            bytes.extend_from_slice(chunk);
            bytes.truncate(end);
        }
        _ => bytes.extend_from_slice(text.get(..length).unwrap_or(text)),
    }
}

/// The integer of up to nine digits with which a text starts, and its length. `None` for any other number or text.
fn small_integer(text: &[u8]) -> Option<(i32, usize)> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (mut value, mut length) = (0, 0);
    let next = loop {
        match digits.get(length) {
            Some(digit @ b'0'..=b'9') if length < 9 => value = value * 10 + i32::from(digit - b'0'),
            next => break next,
        }
        length += 1;
    };
    // `-0` is a double, and `007` is not a number.
    let is_plain =
        matches!((digits.first(), length), (Some(b'1'..=b'9'), _) | (Some(b'0'), 1)) && !(negative && value == 0);
    let ends = !matches!(next, Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
    (is_plain && ends).then_some((if negative { -value } else { value }, usize::from(negative) + length))
}

/// The length of `{"$oid":"65b000000000000000000001"}`.
const OBJECT_ID: usize = 35;

/// A bit that no digit has set.
const NO_DIGIT: u8 = 16;

/// The value of every byte that is a hexadecimal digit, and [`NO_DIGIT`] for other bytes.
const HEX: [u8; 256] = {
    let (mut values, mut digit) = ([NO_DIGIT; 256], u8::MAX);
    while let Some((place, _)) = values.split_at_mut(digit as usize).1.split_first_mut() {
        *place = hex(digit);
        match digit.checked_sub(1) {
            Some(next) => digit = next,
            None => break,
        }
    }
    values
};

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => NO_DIGIT,
    }
}

/// The ObjectId literal with which a text starts, provided that it contains no white space, as when written by tools.
fn object_id(text: &[u8]) -> Option<[u8; 12]> {
    let (digits, rest) = text.strip_prefix(br#"{"$oid":""#)?.split_first_chunk::<24>()?;
    rest.starts_with(br#""}"#).then_some(())?;
    let (mut id, mut all) = ([0; 12], 0);
    let value = |digit: u8| HEX.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT);
    for (byte, [high, low]) in id.iter_mut().zip(digits.as_chunks().0) {
        let (high, low) = (value(*high), value(*low));
        *byte = high << 4 | low;
        all |= high | low;
    }
    (all < NO_DIGIT).then_some(id)
}
