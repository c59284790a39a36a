//! Checks of filters on change events: whether they are evidently invalid, or evidently match no event.

use bson::{Bson, Document};

/// The fields of change events.
///
/// Source: MongoDB's reference of change events.
const EVENT: [&str; 17] = [
    "_id",
    "clusterTime",
    "collectionUUID",
    "disambiguatedPaths",
    "documentKey",
    "fullDocument",
    "fullDocumentBeforeChange",
    "lsid",
    "nsType",
    "ns",
    "operationDescription",
    "operationType",
    "splitEvent",
    "to",
    "txnNumber",
    "updateDescription",
    "wallTime",
];

/// The operators that take the place of a field.
const AROUND: [&str; 8] = ["$and", "$or", "$nor", "$expr", "$comment", "$jsonSchema", "$alwaysTrue", "$alwaysFalse"];

/// The operators that apply to a field.
const OF_A_FIELD: [&str; 25] = [
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$regex",
    "$options",
    "$mod",
    "$all",
    "$elemMatch",
    "$size",
    "$not",
    "$bitsAllClear",
    "$bitsAllSet",
    "$bitsAnyClear",
    "$bitsAnySet",
    "$geoIntersects",
    "$geoWithin",
    "$ref",
    "$id",
];

/// The maximum nesting depth of conditions.
const MAX_DEPTH: usize = 100;

/// What is wrong with a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// An unknown operator: `{"fullDocument.status": {"$equals": 1}}`
    Operator(String),
    /// A field that change events do not have: `{"status": 1}`
    Field(String),
    /// An expansion: `{"%%user.id": 1}`
    Expansion(String),
    /// A malformed condition: `{"$or": {…}}`, `{"$or": []}`, or more levels than MongoDB allows
    Form(String),
}

/// What is wrong with a filter on change events; `None` if it seems valid.
pub(super) fn unusable(filter: &Document, depth: usize) -> Option<Unusable> {
    filter.iter().find_map(|(key, value)| {
        if depth > MAX_DEPTH {
            return Some(Unusable::Form(key.clone()));
        }
        if key.starts_with("%%") {
            return Some(Unusable::Expansion(key.clone()));
        }
        if ["$and", "$or", "$nor"].contains(&key.as_str()) {
            return match value {
                Bson::Array(parts) if !parts.is_empty() => parts.iter().find_map(|part| match part {
                    Bson::Document(part) => unusable(part, depth + 1),
                    _ => Some(Unusable::Form(key.clone())),
                }),
                _ => Some(Unusable::Form(key.clone())),
            };
        }
        if key.starts_with('$') {
            return (!AROUND.contains(&key.as_str())).then(|| Unusable::Operator(key.clone()));
        }
        let first = key.split('.').next().unwrap_or(key);
        if !EVENT.contains(&first) {
            return Some(Unusable::Field(key.clone()));
        }
        condition(value, depth + 1)
    })
}

/// What is wrong with the condition on a field; `None` if it seems valid.
fn condition(value: &Bson, depth: usize) -> Option<Unusable> {
    match value {
        Bson::String(text) if text.starts_with("%%") => Some(Unusable::Expansion(text.clone())),
        Bson::Document(document) if document.keys().next().is_some_and(|key| key.starts_with('$')) => {
            document.iter().find_map(|(key, value)| match key.as_str() {
                _ if depth > MAX_DEPTH => Some(Unusable::Form(key.clone())),
                "$not" => condition(value, depth + 1),
                _ if OF_A_FIELD.contains(&key.as_str()) => None,
                _ => Some(Unusable::Operator(key.clone())),
            })
        }
        _ => None,
    }
}
