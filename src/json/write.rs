use serde_json::to_writer;

use super::containers::{elements, object};
use super::{from_bson, is_literal_key};
use crate::byte_search::string_end;
use crate::value::{DocumentRef, MAX_DEPTH, Malformed, ValueRef};

/// Writes a document on one line, with the same result as [`from_bson`]. Raw documents are not decoded.
///
/// ```
/// let document = bson::rawdoc! { "a": [1, true], "b": bson::oid::ObjectId::from_bytes([7; 12]) };
/// let mut text = Vec::new();
/// portcullis::json::write(&document, &mut text).unwrap();
/// assert_eq!(text, br#"{"a":[1,true],"b":{"$oid":"070707070707070707070707"}}"#);
/// ```
///
/// # Errors
/// If raw bytes are not BSON, or are nested deeper than [`MAX_DEPTH`].
pub fn write<'d>(document: impl Into<DocumentRef<'d>>, text: &mut Vec<u8>) -> Result<(), Malformed> {
    value(document.into().into(), 0, text)
}

fn value(given: ValueRef<'_>, depth: usize, text: &mut Vec<u8>) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    let written = match given {
        ValueRef::Null => to_writer(text, &()),
        ValueRef::Boolean(value) => to_writer(text, &value),
        ValueRef::String(value) => {
            string(value, text);
            Ok(())
        }
        ValueRef::Int32(value) => to_writer(text, &value),
        ValueRef::Int64(value) if i32::try_from(value).is_err() => to_writer(text, &value),
        ValueRef::Double(value) if value.is_finite() => to_writer(text, &value),
        ValueRef::ObjectId(id) => {
            object_id(id, text);
            Ok(())
        }
        ValueRef::Document(document) => {
            return object(document, text, |_, inner, text| value(inner, depth + 1, text));
        }
        ValueRef::Array(array) => return elements(array, text, |inner, text| value(inner, depth + 1, text)),
        rare => to_writer(text, &from_bson(&rare.to_bson()?)),
    };
    written.map_err(|error| failed(&error))
}

pub(super) fn object_id(id: [u8; 12], text: &mut Vec<u8>) {
    text.extend_from_slice(br#"{"$oid":""#);
    text.extend(id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text.extend_from_slice(br#""}"#);
}

/// Writing to a `Vec` cannot fail, but a value may be impossible to represent in JSON.
fn failed(error: &serde_json::Error) -> Malformed {
    Malformed::new(error.to_string())
}

/// Why a value would not round-trip through extended JSON.
#[derive(Debug)]
pub(crate) enum NotJson {
    /// The bytes are not valid BSON, or are nested too deeply.
    Malformed(Malformed),
    /// A document has a key that extended JSON reserves for literals.
    Key(String),
}

impl From<Malformed> for NotJson {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

/// Appends a value as relaxed extended JSON on one line. `depth` is the depth at which it is nested in the output.
///
/// # Errors
/// If raw bytes are not BSON, if values are nested deeper than [`MAX_DEPTH`], or if a document would be taken for a
/// literal.
pub(crate) fn write_relaxed(value: ValueRef<'_>, depth: usize, text: &mut Vec<u8>) -> Result<(), NotJson> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth().into());
    }
    match value {
        ValueRef::String(value) => {
            string(value, text);
            Ok(())
        }
        ValueRef::Int64(value) => to_writer(text, &value).map_err(|error| failed(&error).into()),
        ValueRef::Document(document) => object(document, text, |key, inner, text| {
            if is_literal_key(key) {
                return Err(NotJson::Key(key.to_owned()));
            }
            write_relaxed(inner, depth + 1, text)
        }),
        ValueRef::Array(array) => elements(array, text, |inner, text| write_relaxed(inner, depth + 1, text)),
        plain => Ok(self::value(plain, depth, text)?),
    }
}

/// Appends text as a JSON string.
pub(crate) fn string(value: &str, text: &mut Vec<u8>) {
    text.reserve(value.len() + 2);
    text.push(b'"');
    escape(value, text);
    text.push(b'"');
}

/// Appends text as the content of a JSON string. Parts without escapes, usually the whole text, are copied at once.
pub(crate) fn escape(value: &str, text: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    while let Some((plain, [byte, after @ ..])) = string_end(rest).and_then(|end| rest.split_at_checked(end)) {
        text.extend_from_slice(plain);
        match byte {
            b'"' => text.extend_from_slice(br#"\""#),
            b'\\' => text.extend_from_slice(br"\\"),
            b'\n' => text.extend_from_slice(br"\n"),
            b'\r' => text.extend_from_slice(br"\r"),
            b'\t' => text.extend_from_slice(br"\t"),
            0x08 => text.extend_from_slice(br"\b"),
            0x0c => text.extend_from_slice(br"\f"),
            control => {
                text.extend_from_slice(br"\u00");
                text.extend([digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = after;
    }
    text.extend_from_slice(rest);
}

/// A hexadecimal digit.
const fn digit(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) }
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn strings_are_written_as_serde_json_writes_them() {
        let every: String = ('\0'..='\u{ff}').chain(['€', '😀', '\u{2028}']).collect();
        let mut texts = vec![every, String::new(), "plain".into(), "quo\"te".into(), "end\\".into()];
        texts.extend((0..40).map(|length| "a".repeat(length) + "\u{1}" + &"é".repeat(length)));
        for value in texts {
            let mut text = Vec::new();
            string(&value, &mut text);
            assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(&value).unwrap());
        }
    }
}
