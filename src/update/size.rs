use bson::{Bson, Document};

use super::UpdateErrorKind;
use super::limits::{MAX_BYTES, MAX_LEVELS};

/// The maximum [`weight`] of all values that an update writes, including those that it removes again, for example by
/// `$slice`. The memory actually used is about twice that, because strings and maps have spare capacity.
pub(super) const MAX_WRITTEN: usize = 9 * MAX_BYTES;

/// The memory overhead in bytes of a value on top of its content, and of a field on top of its value.
pub(super) const VALUE_OVERHEAD: usize = 100;

/// The memory overhead in bytes of a null that pads an array. It is smaller than [`VALUE_OVERHEAD`], because there is no field
/// name and the array has no spare capacity.
pub(super) const PADDING_OVERHEAD: usize = 64;

/// The approximate memory in bytes that a value takes.
///
/// # Errors
/// Same as [`size`].
pub(super) fn weight(value: &Bson, levels: usize) -> Result<usize, UpdateErrorKind> {
    fn values(value: &Bson) -> usize {
        match value {
            Bson::Document(document) => document.values().fold(1, |count, value| count + values(value)),
            Bson::Array(list) => list.iter().fold(1, |count, value| count + values(value)),
            _ => 1,
        }
    }
    // `size` comes first because it also limits the depth, on which `values` recurses.
    Ok(size(value, levels)?.saturating_add(VALUE_OVERHEAD.saturating_mul(values(value))))
}

/// The size in bytes of a value's BSON, without its type byte and field name.
///
/// # Errors
/// If it is nested deeper than `levels`.
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

/// The size in bytes of a document's BSON.
///
/// # Errors
/// Same as [`size`].
pub(super) fn document_size(document: &Document, levels: usize) -> Result<usize, UpdateErrorKind> {
    let levels = levels.checked_sub(1).ok_or(UpdateErrorKind::TooDeep)?;
    let mut bytes = 5;
    for (name, value) in document {
        bytes += 2 + name.len() + size(value, levels)?;
    }
    Ok(bytes)
}

/// The length in bytes of an array index as a BSON key.
pub(super) fn index_size(index: usize) -> usize {
    index.checked_ilog10().map_or(1, |digits| usize::try_from(digits).unwrap_or(0) + 1)
}

/// Rejects a document that is nested too deeply or is too large.
pub(super) fn check(document: &Document) -> Result<(), UpdateErrorKind> {
    if document_size(document, MAX_LEVELS)? > MAX_BYTES { Err(UpdateErrorKind::TooLarge) } else { Ok(()) }
}
