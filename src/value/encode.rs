//! Encoding of values as BSON.

use std::io::Write as _;

use super::malformed::Malformed;
use super::view::{ArrayRef, DbPointerRef, DocumentRef, ValueRef};

/// The BSON type byte of a value.
pub(crate) const fn type_byte(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Double(_) => 0x01,
        ValueRef::String(_) => 0x02,
        ValueRef::Document(_) => 0x03,
        ValueRef::Array(_) => 0x04,
        ValueRef::Binary { .. } => 0x05,
        ValueRef::Undefined => 0x06,
        ValueRef::ObjectId(_) => 0x07,
        ValueRef::Boolean(_) => 0x08,
        ValueRef::DateTime(_) => 0x09,
        ValueRef::Null => 0x0A,
        ValueRef::Regex { .. } => 0x0B,
        ValueRef::DbPointer(_) => 0x0C,
        ValueRef::Code(_) => 0x0D,
        ValueRef::Symbol(_) => 0x0E,
        ValueRef::CodeWithScope { .. } => 0x0F,
        ValueRef::Int32(_) => 0x10,
        ValueRef::Timestamp { .. } => 0x11,
        ValueRef::Int64(_) => 0x12,
        ValueRef::Decimal128(_) => 0x13,
        ValueRef::MaxKey => 0x7F,
        ValueRef::MinKey => 0xFF,
    }
}

/// Appends the encoding of a value, without type byte and key.
///
/// # Errors
/// If a raw part is not BSON, or the value is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH) or too large for BSON.
pub(crate) fn encode(value: ValueRef<'_>, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    append(value, 0, bytes)
}

/// Like [`encode`], for a value that is itself nested at `depth`.
///
/// # Errors
/// Same as [`encode`].
pub(crate) fn encode_at(value: ValueRef<'_>, depth: usize, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    append(value, depth, bytes)
}

fn append(value: ValueRef<'_>, depth: usize, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    if depth > super::MAX_DEPTH {
        return Err(Malformed::depth());
    }
    match value {
        ValueRef::MinKey | ValueRef::Undefined | ValueRef::Null | ValueRef::MaxKey => {}
        ValueRef::Int32(value) => bytes.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Int64(value) | ValueRef::DateTime(value) => bytes.extend(value.to_le_bytes()),
        ValueRef::Double(value) => bytes.extend(value.to_le_bytes()),
        ValueRef::Decimal128(value) => bytes.extend(value.bytes()),
        ValueRef::String(text) | ValueRef::Symbol(text) | ValueRef::Code(text) => encode_string(text, bytes)?,
        ValueRef::Document(document) => self::document(document, depth, bytes)?,
        ValueRef::Array(array) => self::array(array, depth, bytes)?,
        ValueRef::Binary { subtype, bytes: content } => {
            // In subtype 2, the length is repeated.
            let inner = if subtype == 2 { content.len().saturating_add(4) } else { content.len() };
            bytes.extend(length(inner)?);
            bytes.push(subtype);
            if subtype == 2 {
                bytes.extend(length(content.len())?);
            }
            bytes.extend_from_slice(content);
        }
        ValueRef::ObjectId(id) => bytes.extend(id),
        ValueRef::Boolean(value) => bytes.push(u8::from(value)),
        ValueRef::Timestamp { time, increment } => {
            bytes.extend(increment.to_le_bytes());
            bytes.extend(time.to_le_bytes());
        }
        ValueRef::Regex { pattern, options } => {
            for text in [pattern, options] {
                key(text, bytes)?;
            }
        }
        ValueRef::DbPointer(DbPointerRef::Raw { namespace, id }) => {
            encode_string(namespace, bytes)?;
            bytes.extend(id);
        }
        ValueRef::DbPointer(DbPointerRef::Decoded(pointer)) => {
            // `bson` exposes the parts of a DBPointer only in encoded form.
            let document = bson::RawDocumentBuf::try_from(&bson::doc! { "": pointer.clone() })?;
            bytes.extend_from_slice(
                document.as_bytes().get(6..document.as_bytes().len().saturating_sub(1)).unwrap_or_default(),
            );
        }
        ValueRef::CodeWithScope { code, scope } => container(bytes, |bytes| {
            encode_string(code, bytes)?;
            self::document(scope, depth.saturating_add(1), bytes)
        })?,
    }
    Ok(())
}

fn document(document: DocumentRef<'_>, depth: usize, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    container(bytes, |bytes| {
        for field in document.iter() {
            let (name, value) = field?;
            bytes.push(type_byte(value));
            key(name, bytes)?;
            append(value, depth.saturating_add(1), bytes)?;
        }
        bytes.push(0);
        Ok(())
    })
}

fn array(array: ArrayRef<'_>, depth: usize, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    container(bytes, |bytes| {
        for (index, value) in array.iter().enumerate() {
            let value = value?;
            bytes.push(type_byte(value));
            match u8::try_from(index) {
                Ok(digit @ 0..=9) => bytes.extend_from_slice(&[b'0' + digit, 0]),
                // Writing to a `Vec` cannot fail.
                _ => _ = write!(bytes, "{index}\0"),
            }
            append(value, depth.saturating_add(1), bytes)?;
        }
        bytes.push(0);
        Ok(())
    })
}

/// Appends a length prefix and the content that `fill` writes.
fn container(bytes: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>) -> Result<(), Malformed> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    fill(bytes)?;
    let length = length(bytes.len().saturating_sub(start))?;
    if let Some(place) = bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *place = length;
    }
    Ok(())
}

/// Appends the encoding of a string, without type byte and key.
///
/// # Errors
/// If it is too large for BSON.
#[inline]
pub(crate) fn encode_string(text: &str, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    bytes.extend_from_slice(&length(text.len().saturating_add(1))?);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    Ok(())
}

fn key(name: &str, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    if name.as_bytes().contains(&0) {
        return Err(Malformed::new("a key contains the character U+0000"));
    }
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    Ok(())
}

fn length(bytes: usize) -> Result<[u8; 4], Malformed> {
    i32::try_from(bytes).map(i32::to_le_bytes).map_err(|_| Malformed::new("a value is longer than BSON allows"))
}
