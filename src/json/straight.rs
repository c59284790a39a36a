//! The straight way from a text to a document in BSON's own bytes, for the many texts in which nothing is wrong.

use std::io::Write as _;

use bson::{Bson, RawDocument, RawDocumentBuf};

use super::ejson::{number, to_bson};
use super::parse::{MAX_DEPTH, MAX_SIZE, Parser};

/// Reads a text as [`parse_bytes`](super::parse_bytes) and [`to_document`](super::to_document) do, into bytes that can be
/// used again for the next text. None if that cannot be done straight, as of every text in which something is wrong: then
/// those two have the answer.
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
    let mut straight = Straight { text: std::str::from_utf8(text).ok()?, at: 0, bytes, keys: Vec::new() };
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
    /// Where the keys of the objects that are open begin and end in the bytes.
    keys: Vec<(usize, usize)>,
}

/// More keys than this in open objects are not compared with each other here.
const KEYS: usize = 512;

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

    /// Begins an element and leaves a byte for its type.
    fn begin(&mut self) -> usize {
        self.bytes.push(0);
        self.bytes.len() - 1
    }

    fn set_kind(&mut self, at: usize, kind: u8) -> Option<()> {
        *self.bytes.get_mut(at)? = kind;
        Some(())
    }

    /// Begins what has a length.
    fn open(&mut self) -> usize {
        self.bytes.extend([0; 4]);
        self.bytes.len() - 4
    }

    /// Ends what has a length, which is put in.
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
                let start = self.open();
                self.string()?;
                self.close(start, start + 4)
            }
            b'-' | b'0'..=b'9' => self.number(kind),
            b't' => self.word(kind, "true", 0x08, &[1]),
            b'f' => self.word(kind, "false", 0x08, &[0]),
            b'n' => self.word(kind, "null", 0x0A, &[]),
            _ => None,
        }
    }

    /// Reads an object; that of the whole text has no byte for its type.
    fn object(&mut self, kind: Option<usize>, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let (open, start, first_key) = (self.at, self.open(), self.keys.len());
        let mut seen = 0_u64;
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
            // A literal perhaps.
            if matches!(self.rest().get(1), Some(b'$' | b'\\')) {
                if self.keys.len() > first_key {
                    return None;
                }
                self.bytes.truncate(start);
                self.at = open;
                return self.carefully(kind?, depth);
            }
            let element = self.begin();
            self.key(first_key, &mut seen)?;
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
        self.keys.truncate(first_key);
        kind.map_or(Some(()), |kind| self.set_kind(kind, 0x03))?;
        self.close(start, start)
    }

    /// Reads a key, which does not stand in the object yet; `seen` has a bit for each that does.
    fn key(&mut self, first: usize, seen: &mut u64) -> Option<()> {
        let start = self.bytes.len();
        self.string()?;
        let end = self.bytes.len();
        let key = self.bytes.get(start..end)?;
        if key.contains(&0) || self.keys.len() > KEYS {
            return None;
        }
        let sum = key.iter().fold(key.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        let bit = 1 << (sum & 63);
        if *seen & bit != 0 {
            let before = self.keys.get(first..)?;
            if before.iter().any(|(start, end)| self.bytes.get(*start..*end) == Some(key)) {
                return None;
            }
        }
        *seen |= bit;
        self.keys.push((start, end));
        self.bytes.push(0);
        Some(())
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
            write!(self.bytes, "{index}\0").ok()?;
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

    /// Writes what stands in quotes.
    fn string(&mut self) -> Option<()> {
        let quoted = self.rest();
        let content = quoted.get(1..)?;
        let end = content.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        if content.get(end) == Some(&b'"') {
            self.bytes.extend_from_slice(content.get(..end)?);
            self.at += end + 2;
            return Some(());
        }
        let mut texts = serde_json::Deserializer::from_slice(quoted).into_iter::<String>();
        let text = texts.next()?.ok()?;
        self.bytes.extend_from_slice(text.as_bytes());
        self.at += texts.byte_offset();
        Some(())
    }

    fn number(&mut self, kind: usize) -> Option<()> {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.rest().iter().take_while(|byte| part(byte)).count();
        let text = self.text.get(self.at..self.at + length)?;
        serde_json::from_str::<serde_json::Number>(text).ok()?;
        self.at += length;
        match number(text) {
            Bson::Int32(value) => self.plain(kind, 0x10, &value.to_le_bytes()),
            Bson::Int64(value) => self.plain(kind, 0x12, &value.to_le_bytes()),
            Bson::Double(value) => self.plain(kind, 0x01, &value.to_le_bytes()),
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

    /// Reads an object of which only its first key was looked at as [`parse`](super::parse) does.
    fn carefully(&mut self, kind: usize, depth: usize) -> Option<()> {
        if let Some(id) = object_id(self.rest()) {
            self.at += OBJECT_ID;
            return self.plain(kind, 0x07, &id);
        }
        let mut parser = Parser { text: self.text, at: self.at };
        let node = parser.value(depth).ok()?;
        let document = RawDocumentBuf::try_from(&bson::doc! { "": to_bson(&node).ok()? }).ok()?;
        self.at = parser.at;
        // The length, the type, the empty key; at the end the document's NUL.
        let [_, _, _, _, found, _, value @ .., _] = document.as_bytes() else { return None };
        self.plain(kind, *found, value)
    }
}

/// The length of `{"$oid":"65b000000000000000000001"}`.
const OBJECT_ID: usize = 35;

/// The ObjectId that a text begins with, if it is written without spaces, as tools do.
fn object_id(text: &[u8]) -> Option<[u8; 12]> {
    let (hex, rest) = text.strip_prefix(br#"{"$oid":""#)?.split_first_chunk::<24>()?;
    rest.starts_with(br#""}"#).then_some(())?;
    let mut id = [0; 12];
    for (byte, digits) in id.iter_mut().zip(hex.as_chunks::<2>().0) {
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
        *byte = high? << 4 | low?;
    }
    Some(id)
}
