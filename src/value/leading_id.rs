//! The `_id` at the start of a document, where MongoDB puts it.

use super::DocumentRef;
use super::layout::{INT32, INT64, LENGTH, OBJECT_ID, STRING};

impl DocumentRef<'_> {
    /// Whether both begin with the same `_id`. This compares bytes only, so `false` means that it must be looked up.
    pub(crate) fn begins_with_id_of(self, other: Self) -> bool {
        leading_id(self.raw_bytes())
            .is_some_and(|id| other.raw_bytes().get(LENGTH..).is_some_and(|rest| rest.starts_with(id)))
    }
}

/// The first element, if it is an `_id` of one of the types in use whose values are equal only if their bytes are.
fn leading_id(document: &[u8]) -> Option<&[u8]> {
    let element = document.get(LENGTH..)?;
    let (&kind, rest) = element.split_first()?;
    let value = rest.strip_prefix(b"_id\0")?;
    let size = match kind {
        OBJECT_ID => 12,
        INT32 => 4,
        INT64 => 8,
        STRING => usize::try_from(u32::from_le_bytes(*value.first_chunk()?)).ok()?.checked_add(4)?,
        _ => return None,
    };
    element.get(..size.checked_add(1 + b"_id\0".len())?)
}
