//! Field names that MongoDB accepts in commands.

use crate::path::FieldPath;
use crate::store::documents::is_plain;

/// Whether MongoDB interprets the path exactly as this library does.
pub(super) fn is_plain_path(path: &FieldPath) -> bool {
    path.segments().iter().all(|segment| is_plain(segment.name()))
}
