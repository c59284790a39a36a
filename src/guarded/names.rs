//! Names of fields as MongoDB takes them in a command.

use crate::path::FieldPath;

/// Whether a name is one that MongoDB's stages take for a top-level field.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}

/// Whether MongoDB takes a path for the same path.
pub(super) fn is_plain_path(path: &FieldPath) -> bool {
    path.segments().iter().all(|segment| is_plain(segment.name()))
}
