use bson::{Decimal128, RawDocument};

use super::cstring::{take_cstring, text};
use super::key::KeyHead;
use super::layout::{ARRAY, BOOLEAN, DATE_TIME, DOCUMENT, EMBEDDED, INT32, OBJECT_ID, STRING};
use super::texts::{is_same_text, is_utf8};
use super::{ArrayRef, DbPointerRef, DocumentRef, Malformed, ValueRef};

/// An element of a BSON document: its type, its key without the NUL, and the bytes of its value.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    kind: u8,
    pub(super) key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Element<'a> {
    #[inline(always)]
    pub(super) const fn new(kind: u8, key: &'a [u8], value: &'a [u8]) -> Self {
        Self { kind, key, value }
    }

    /// Parses an element, provided that it has this key; `head` is the head of `key`.
    #[inline(always)]
    pub(super) fn with_head(element: &'a [u8], head: KeyHead, key: &str) -> Option<Self> {
        let found = Self::after_key(element, head.length)?;
        let is_same = match element.first_chunk::<9>() {
            // For keys this short, `first` in the head covers the entire key and its NUL.
            Some([_, first @ ..]) if head.length < 8 => {
                u64::from_le_bytes(*first) & (u64::MAX >> (56 - 8 * head.length)) == head.first
            }
            _ => found.key == key.as_bytes() && element.get(head.length + 1) == Some(&0),
        };
        is_same.then_some(found)
    }

    /// Parses an element, given the length of its key.
    #[inline(always)]
    pub(super) fn after_key(element: &'a [u8], length: usize) -> Option<Self> {
        let [kind, after @ ..] = element else { return None };
        let (key, after) = after.split_at_checked(length)?;
        Some(Self { kind: *kind, key, value: after.get(1..)? })
    }

    /// Creates an element from the bytes of its value; its key is left out.
    #[inline(always)]
    pub(super) const fn without_key(kind: u8, value: &'a [u8]) -> Self {
        Self { kind, key: &[], value }
    }

    pub(super) fn key(self) -> Result<&'a str, Malformed> {
        text(self.key)
    }

    pub(super) const fn key_bytes(self) -> &'a [u8] {
        self.key
    }

    /// The BSON type byte of the value.
    pub(super) const fn kind(self) -> u8 {
        self.kind
    }

    pub(super) const fn is_container(self) -> bool {
        matches!(self.kind, EMBEDDED | ARRAY)
    }

    /// The bytes of the value.
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.value
    }

    /// Whether the value is the string `text`; `None` if it is not a string or is malformed.
    #[inline(always)]
    pub(super) fn is_string(self, text: &str) -> Option<bool> {
        let content = self.string_bytes()?;
        if is_same_text(content, text.as_bytes()) {
            return Some(true);
        }
        // Strings of equal length that differ: invalid UTF-8 is an error rather than a different string.
        is_utf8(content).then_some(false)
    }

    /// Whether two scalar values of one type are equal; `None` if they are not such values or are malformed.
    #[inline]
    pub(super) fn is_same(self, other: Self) -> Option<bool> {
        let plain = matches!(self.kind, STRING | OBJECT_ID | DATE_TIME | INT32);
        let text = || {
            let of = |element: Self| element.string_bytes().is_some_and(is_utf8);
            self.kind != STRING || (of(self) && (self.value == other.value || of(other)))
        };
        (plain && self.kind == other.kind && text()).then(|| self.value == other.value)
    }

    /// Like [`Self::is_same`], for values that are known to be valid BSON.
    #[inline(always)]
    pub(super) fn is_same_checked(self, other: Self) -> Option<bool> {
        let plain = matches!(self.kind, STRING | OBJECT_ID | DATE_TIME | INT32);
        (plain && self.kind == other.kind).then(|| self.value == other.value)
    }

    /// The bytes of a string value.
    #[inline(always)]
    pub(super) const fn string_bytes(self) -> Option<&'a [u8]> {
        if self.kind != STRING {
            return None;
        }
        match self.value {
            [_, _, _, _, content @ .., 0] => Some(content),
            _ => None,
        }
    }

    /// The value, if it is an int32.
    #[inline]
    pub(super) fn int32(self) -> Option<i32> {
        let bytes = self.value.first_chunk()?;
        (self.kind == INT32).then(|| i32::from_le_bytes(*bytes))
    }

    /// The value, if it is an ObjectId.
    #[inline]
    pub(super) fn object_id(self) -> Option<[u8; 12]> {
        let bytes = self.value.first_chunk()?;
        (self.kind == OBJECT_ID).then_some(*bytes)
    }

    /// The milliseconds since the Unix epoch, if the value is a date.
    #[inline]
    pub(super) fn date_time(self) -> Option<i64> {
        let bytes = self.value.first_chunk()?;
        (self.kind == DATE_TIME).then(|| i64::from_le_bytes(*bytes))
    }

    /// The decoded value. Nested documents and arrays are not checked before they are read.
    #[inline]
    pub(super) fn value(self) -> Result<ValueRef<'a>, Malformed> {
        let bytes = self.value;
        Ok(match self.kind {
            0x01 => ValueRef::Double(f64::from_le_bytes(exact(bytes)?)),
            STRING => ValueRef::String(string(bytes)?),
            EMBEDDED => ValueRef::Document(document(bytes)?),
            ARRAY => ValueRef::Array(ArrayRef::Raw(raw(bytes)?)),
            OBJECT_ID => ValueRef::ObjectId(exact(bytes)?),
            BOOLEAN => match bytes {
                [0] => ValueRef::Boolean(false),
                [1] => ValueRef::Boolean(true),
                _ => return Err(malformed("a boolean is neither 0 nor 1")),
            },
            DATE_TIME => ValueRef::DateTime(i64::from_le_bytes(exact(bytes)?)),
            0x0A => ValueRef::Null,
            INT32 => ValueRef::Int32(i32::from_le_bytes(exact(bytes)?)),
            0x12 => ValueRef::Int64(i64::from_le_bytes(exact(bytes)?)),
            _ => self.rare_value()?,
        })
    }

    #[cold]
    fn rare_value(self) -> Result<ValueRef<'a>, Malformed> {
        let bytes = self.value;
        Ok(match self.kind {
            0x05 => binary(bytes)?,
            0x06 => ValueRef::Undefined,
            0x0B => {
                let (pattern, rest) = take_cstring(bytes)?;
                let (options, _) = take_cstring(rest)?;
                ValueRef::Regex { pattern: text(pattern)?, options: text(options)? }
            }
            0x0C => {
                let (namespace, id) = bytes.split_last_chunk().ok_or_else(too_short)?;
                ValueRef::DbPointer(DbPointerRef::Raw { namespace: string(namespace)?, id: *id })
            }
            0x0D => ValueRef::Code(string(bytes)?),
            0x0E => ValueRef::Symbol(string(bytes)?),
            0x0F => {
                let content = bytes.get(4..).ok_or_else(too_short)?;
                let (code, scope) = content.split_at_checked(string_size(content)?).ok_or_else(too_short)?;
                ValueRef::CodeWithScope { code: string(code)?, scope: document(scope)? }
            }
            0x11 => {
                let [a, b, c, d, time @ ..] = exact::<8>(bytes)?;
                ValueRef::Timestamp { time: u32::from_le_bytes(time), increment: u32::from_le_bytes([a, b, c, d]) }
            }
            0x13 => ValueRef::Decimal128(Decimal128::from_bytes(exact(bytes)?)),
            0x7F => ValueRef::MaxKey,
            0xFF => ValueRef::MinKey,
            kind => return Err(unknown(kind)),
        })
    }
}

/// The size in bytes of the value of this type with which `bytes` starts.
#[inline(always)]
pub(super) fn size(kind: u8, bytes: &[u8]) -> Result<usize, Malformed> {
    Ok(match kind {
        STRING | 0x0D | 0x0E => string_size(bytes)?,
        OBJECT_ID => 12,
        INT32 => 4,
        0x01 | DATE_TIME | 0x11 | 0x12 => 8,
        BOOLEAN => 1,
        0x06 | 0x0A | 0x7F | 0xFF => 0,
        EMBEDDED | ARRAY => document_size(bytes)?,
        0x05 => length(bytes)?.saturating_add(5),
        0x0B => {
            let (_, rest) = take_cstring(bytes)?;
            let (_, rest) = take_cstring(rest)?;
            bytes.len().saturating_sub(rest.len())
        }
        0x0C => string_size(bytes)?.saturating_add(12),
        0x0F => length(bytes)?,
        0x13 => 16,
        kind => return Err(unknown(kind)),
    })
}

#[inline]
fn length(bytes: &[u8]) -> Result<usize, Malformed> {
    let length = bytes.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or_else(too_short)?;
    usize::try_from(length).map_err(|_| malformed("a length is negative"))
}

/// The size of a string value, including its length prefix and NUL.
#[inline]
fn string_size(bytes: &[u8]) -> Result<usize, Malformed> {
    let length = length(bytes)?;
    match bytes.get(length.saturating_add(3)) {
        Some(0) if length > 0 => Ok(length.saturating_add(4)),
        _ => Err(malformed("a string does not end with NUL")),
    }
}

#[inline]
fn document_size(bytes: &[u8]) -> Result<usize, Malformed> {
    let length = length(bytes)?;
    match bytes.get(length.saturating_sub(1)) {
        Some(0) if length >= DOCUMENT => Ok(length),
        _ => Err(malformed("a document inside does not end with NUL")),
    }
}

#[inline]
fn string(bytes: &[u8]) -> Result<&str, Malformed> {
    match bytes {
        [_, _, _, _, content @ .., 0] => text(content),
        _ => Err(too_short()),
    }
}

fn document(bytes: &[u8]) -> Result<DocumentRef<'_>, Malformed> {
    raw(bytes).map(DocumentRef::Raw)
}

fn raw(bytes: &[u8]) -> Result<&RawDocument, Malformed> {
    Ok(RawDocument::from_bytes(bytes)?)
}

/// Binary data. In the old subtype 2, a second length precedes the content.
fn binary(bytes: &[u8]) -> Result<ValueRef<'_>, Malformed> {
    match bytes {
        [_, _, _, _, 2, content @ ..] => {
            let inner = content.get(4..).ok_or_else(too_short)?;
            if length(content)? != inner.len() {
                return Err(malformed("binary data of subtype 2 has another length inside"));
            }
            Ok(ValueRef::Binary { subtype: 2, bytes: inner })
        }
        [_, _, _, _, subtype, content @ ..] => Ok(ValueRef::Binary { subtype: *subtype, bytes: content }),
        _ => Err(too_short()),
    }
}

#[inline]
fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| too_short())
}

#[cold]
fn malformed(reason: &str) -> Malformed {
    Malformed::new(reason)
}

#[cold]
fn too_short() -> Malformed {
    malformed("a value is too short for its type")
}

#[cold]
fn unknown(kind: u8) -> Malformed {
    Malformed::new(format!("there is no type {kind:#04x}"))
}
