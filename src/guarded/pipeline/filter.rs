use bson::{Bson, Document};

use super::expression;
use crate::guarded::error::GuardedError;

/// Operators behind a field's name in `$match` that are let through.
const CONDITIONS: [&str; 17] = [
    "$all",
    "$elemMatch",
    "$eq",
    "$exists",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$mod",
    "$ne",
    "$nin",
    "$not",
    "$options",
    "$regex",
    "$size",
    "$type",
];

const PLACE: &str = "a filter";

/// Refuses the filter of a `$match` with anything that is not let through.
pub(super) fn check(filter: &Document) -> Result<(), GuardedError> {
    filter.iter().try_for_each(|(key, value)| match (key.as_str(), value) {
        ("$and" | "$or" | "$nor", Bson::Array(parts)) => parts.iter().try_for_each(|part| match part {
            Bson::Document(part) => check(part),
            _ => Err(GuardedError::Malformed("a logical operator takes an array of conditions")),
        }),
        ("$expr", value) => expression::check(value),
        (key, _) if key.starts_with('$') => Err(refused(key)),
        (_, value) => condition(value),
    })
}

fn condition(value: &Bson) -> Result<(), GuardedError> {
    let Bson::Document(conditions) = value else { return Ok(()) };
    if !conditions.keys().any(|key| key.starts_with('$')) {
        // A document to be equal to.
        return Ok(());
    }
    conditions.iter().try_for_each(|(key, value)| match (key.as_str(), value) {
        ("$not", value) => condition(value),
        ("$elemMatch", Bson::Document(inner)) => match inner.keys().next() {
            // Conditions on the element itself.
            Some(key) if CONDITIONS.contains(&key.as_str()) => condition(value),
            _ if inner.contains_key("$expr") => Err(refused("$expr")),
            _ => check(inner),
        },
        ("$all", Bson::Array(elements)) => elements.iter().try_for_each(condition),
        (key, _) if CONDITIONS.contains(&key) => Ok(()),
        (key, _) => Err(refused(key)),
    })
}

fn refused(operator: &str) -> GuardedError {
    let reason = match operator {
        "$where" | "$function" => "client-supplied code is not executed",
        "$text" | "$near" | "$nearSphere" => "it reads an index, whose fields may be hidden",
        _ => "it is not on the list of operators",
    };
    GuardedError::Unsupported { what: operator.to_owned(), place: Some(PLACE), reason }
}
