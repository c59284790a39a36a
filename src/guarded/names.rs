//! Names of fields as MongoDB takes them in a command.

use crate::path::FieldPath;
use crate::store::documents::is_plain;

/// Whether MongoDB takes a path for the same path.
pub(super) fn is_plain_path(path: &FieldPath) -> bool {
    path.segments().iter().all(|segment| is_plain(segment.name()))
}
