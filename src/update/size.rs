use bson::{Bson, Document};

use super::UpdateErrorKind;
use super::limits::{MAX_BYTES, MAX_LEVELS};

/// How much memory what an update writes may take, by [`weight`], before anything of it is taken away again (by `$slice`, say). What is
/// written takes about twice as much as its weight, since names and maps have room to spare.
pub(super) const MAX_WRITTEN: usize = 9 * MAX_BYTES;

/// What each value takes in memory beside its own bytes, and each field beside its value.
pub(super) const EACH: usize = 100;

/// The same of a `null` with which an array is filled up: it has no name, and the array no room to spare.
pub(super) const PADDED: usize = 64;

/// About how much memory a value takes.
///
/// # Errors
/// As [`size`].
pub(super) fn weight(value: &Bson, levels: usize) -> Result<usize, UpdateErrorKind> {
    fn values(value: &Bson) -> usize {
        match value {
            Bson::Document(document) => document.values().fold(1, |count, value| count + values(value)),
            Bson::Array(list) => list.iter().fold(1, |count, value| count + values(value)),
            _ => 1,
        }
    }
    // The depth is checked first.
    Ok(size(value, levels)?.saturating_add(EACH.saturating_mul(values(value))))
}

/// The bytes that a field of this value takes in BSON, without its name.
///
/// # Errors
/// It has more than so many levels.
pub(super) fn size(value: &Bson, levels: usize) -> Result<usize, UpdateErrorKind> {
    Ok(match value {
        Bson::Document(document) => document_size(document, levels)?,
        Bson::Array(list) => {
            let levels = levels.checked_sub(1).ok_or(UpdateErrorKind::TooDeep)?;
            let mut bytes = 5;
            for (index, element) in list.iter().enumerate() {
                bytes += 2 + index_size(index) + size(element, levels)?;
            }
            bytes
        }
        Bson::JavaScriptCodeWithScope(code) => 9 + code.code.len() + document_size(&code.scope, levels)?,
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => 5 + text.len(),
        Bson::Binary(binary) => 9 + binary.bytes.len(),
        Bson::RegularExpression(regex) => 2 + regex.pattern.as_str().len() + regex.options.as_str().len(),
        Bson::DbPointer(_) => 128,
        Bson::Decimal128(_) => 16,
        Bson::ObjectId(_) => 12,
        Bson::Double(_) | Bson::Int64(_) | Bson::DateTime(_) | Bson::Timestamp(_) => 8,
        Bson::Int32(_) => 4,
        Bson::Boolean(_) => 1,
        Bson::Null | Bson::Undefined | Bson::MinKey | Bson::MaxKey => 0,
    })
}

/// The bytes of a document.
///
/// # Errors
/// As [`size`].
pub(super) fn document_size(document: &Document, levels: usize) -> Result<usize, UpdateErrorKind> {
    let levels = levels.checked_sub(1).ok_or(UpdateErrorKind::TooDeep)?;
    let mut bytes = 5;
    for (name, value) in document {
        bytes += 2 + name.len() + size(value, levels)?;
    }
    Ok(bytes)
}

/// The bytes of an index as a name.
pub(super) fn index_size(index: usize) -> usize {
    index.checked_ilog10().map_or(1, |digits| usize::try_from(digits).unwrap_or(0) + 1)
}

/// Refuses a document that is too deep or too large.
pub(super) fn check(document: &Document) -> Result<(), UpdateErrorKind> {
    if document_size(document, MAX_LEVELS)? > MAX_BYTES { Err(UpdateErrorKind::TooLarge) } else { Ok(()) }
}
