//! Names of fields as MongoDB takes them in a command.

use bson::{Bson, Document};

use crate::path::FieldPath;

/// Whether a name is one that MongoDB's stages take for a top-level field.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0'])
}

/// Whether MongoDB takes a path for the same path.
pub(super) fn is_plain_path(path: &FieldPath) -> bool {
    path.segments().iter().all(|segment| is_plain(segment.name()))
}

/// Whether all top-level fields of which a filter asks satisfy a condition.
pub(super) fn all_fields(filter: &Document, condition: &dyn Fn(&str) -> bool) -> bool {
    filter.iter().all(|(key, value)| match value {
        Bson::Array(parts) if key.starts_with('$') => {
            parts.iter().all(|part| part.as_document().is_some_and(|part| all_fields(part, condition)))
        }
        _ if key.starts_with('$') => false,
        _ => condition(key.split('.').next().unwrap_or(key)),
    })
}
