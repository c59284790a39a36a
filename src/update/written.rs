use bson::Bson;

use super::UpdateErrorKind;
use super::limits::MAX_LEVELS;
use super::size::weight;

/// A value to write, and its weight in bytes.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) value: Bson,
    pub(super) bytes: usize,
}

/// Prepares a value for writing, checking its depth and size.
pub(super) fn written(value: &Bson) -> Result<Written, UpdateErrorKind> {
    Ok(Written { value: value.clone(), bytes: weight(value, MAX_LEVELS)? })
}
