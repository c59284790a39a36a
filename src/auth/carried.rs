//! Limits on what tokens issued by Portcullis, whose claims are extended JSON, can contain about a user.

use bson::Bson;

use crate::json;
use crate::value::{ValueRef, identical};

/// The maximum nesting depth of a part of a user, which is that of documents stored in MongoDB.
pub(super) const MAX_LEVELS: usize = 100;

/// Whether any of the values is nested deeper than `levels`. This must be checked before they are cloned or encoded,
/// since both recurse.
pub(super) fn is_deep<'v>(values: impl IntoIterator<Item = &'v Bson>, levels: usize) -> bool {
    values.into_iter().any(|value| match (value, levels.checked_sub(1)) {
        (Bson::Document(_) | Bson::Array(_) | Bson::JavaScriptCodeWithScope(_), None) => true,
        (Bson::Document(document), Some(levels)) => is_deep(document.values(), levels),
        (Bson::Array(elements), Some(levels)) => is_deep(elements, levels),
        (Bson::JavaScriptCodeWithScope(code), Some(levels)) => is_deep(code.scope.values(), levels),
        _ => false,
    })
}

/// Whether a value from an identity survives being written to a token and read back. It does not if it contains a field
/// such as `$oid`, which extended JSON would interpret, or if it is nested too deeply.
pub(super) fn is_carried(value: &Bson) -> bool {
    // It is nested in the identity and in its `data`.
    if is_deep([value], MAX_LEVELS.saturating_sub(2)) {
        return false;
    }
    let written = value.clone().into_canonical_extjson().to_string();
    let read = json::parse(&written).ok().and_then(|node| json::to_bson(&node).ok());
    read.is_some_and(|read| identical((&read).into(), ValueRef::from(value)).unwrap_or(false))
}
