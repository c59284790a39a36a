use serde_json::to_writer;

use super::containers::{elements, object};
use super::strings::{object_id, string};
use super::{from_bson, is_literal_key};
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
