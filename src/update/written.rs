use bson::Bson;

use super::UpdateErrorKind;
use super::limits::MAX_LEVELS;
use super::size::weight;

/// A value that is written, and its size.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) value: Bson,
    pub(super) bytes: usize,
}

/// A value as it is written.
pub(super) fn written(value: &Bson) -> Result<Written, UpdateErrorKind> {
    Ok(Written { value: value.clone(), bytes: weight(value, MAX_LEVELS)? })
}
