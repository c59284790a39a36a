//! Field names as MongoDB accepts them in a command.

use crate::path::FieldPath;
use crate::store::documents::is_plain;

/// Whether MongoDB interprets the path in the same way.
pub(super) fn is_plain_path(path: &FieldPath) -> bool {
    path.segments().iter().all(|segment| is_plain(segment.name()))
}
