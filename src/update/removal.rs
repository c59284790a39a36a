use std::collections::BTreeSet;
use std::mem;

use bson::Document;

/// Removes the fields with these names.
pub(super) fn remove_all(document: &mut Document, names: &BTreeSet<&str>) {
    // Removing fields one by one would move all later fields each time.
    if names.len() > 4 {
        let kept = mem::take(document).into_iter().filter(|(name, _)| !names.contains(name.as_str()));
        *document = kept.collect();
        return;
    }
    for name in names {
        document.remove(name);
    }
}
