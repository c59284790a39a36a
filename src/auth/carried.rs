//! What our own tokens, which are extended JSON, can carry of a user.

use bson::Bson;

use crate::json;
use crate::value::{ValueRef, identical};

/// How deep a part of a user may be nested: as MongoDB stores it.
pub(super) const MAX_LEVELS: usize = 100;

/// Whether values hold more levels than this: to be asked before they are cloned or written, which takes a part of the
/// stack for each.
pub(super) fn is_deep<'v>(values: impl IntoIterator<Item = &'v Bson>, levels: usize) -> bool {
    values.into_iter().any(|value| match (value, levels.checked_sub(1)) {
        (Bson::Document(_) | Bson::Array(_) | Bson::JavaScriptCodeWithScope(_), None) => true,
        (Bson::Document(document), Some(levels)) => is_deep(document.values(), levels),
        (Bson::Array(elements), Some(levels)) => is_deep(elements, levels),
        (Bson::JavaScriptCodeWithScope(code), Some(levels)) => is_deep(code.scope.values(), levels),
        _ => false,
    })
}

/// Whether a field of what an identity says is read from a token as it was written into it: not one that holds a field called
/// `$oid`, which is another value in extended JSON, or none.
pub(super) fn is_carried(value: &Bson) -> bool {
    // Around it are the identity and its `data`.
    if is_deep([value], MAX_LEVELS.saturating_sub(2)) {
        return false;
    }
    let written = value.clone().into_canonical_extjson().to_string();
    let read = json::parse(&written).ok().and_then(|node| json::to_bson(&node).ok());
    read.is_some_and(|read| identical((&read).into(), ValueRef::from(value)).unwrap_or(false))
}
