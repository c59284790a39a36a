//! The filter of a trigger over change events, as far as it can be seen that it is none or that no event meets it.

use bson::{Bson, Document};

/// What change events have.
///
/// Source: the reference of change events of MongoDB.
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

/// The operators that stand in the place of a field.
const AROUND: [&str; 8] = ["$and", "$or", "$nor", "$expr", "$comment", "$jsonSchema", "$alwaysTrue", "$alwaysFalse"];

/// The operators that are put to a field.
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

/// How deep conditions may nest.
const MAX_DEPTH: usize = 100;

/// What is wrong with a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// `{"fullDocument.status": {"$equals": 1}}`
    Operator(String),
    /// `{"status": 1}`
    Field(String),
    /// `{"%%user.id": 1}`
    Expansion(String),
    /// `{"$or": {…}}`, `{"$or": []}`, or more levels than MongoDB takes.
    Form(String),
}

/// What is wrong with a filter over change events, if something is.
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

/// What is wrong with what is asked of a field.
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
