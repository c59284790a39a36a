use std::collections::BTreeSet;
use std::mem;

use bson::Document;

/// Removes the fields with these names.
pub(super) fn remove_all(document: &mut Document, names: &BTreeSet<&str>) {
    // Each single removal moves all later fields.
    if names.len() > 4 {
        let kept = mem::take(document).into_iter().filter(|(name, _)| !names.contains(name.as_str()));
        *document = kept.collect();
        return;
    }
    for name in names {
        document.remove(name);
    }
}
