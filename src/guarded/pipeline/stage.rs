use bson::{Bson, Document};

use super::{expression, filter};
use crate::expr::PatternAllowance;
use crate::guarded::error::GuardedError;

/// Stages that are rejected, and the reason to report.
const REFUSED: [(&str, &str); 33] = [
    ("$changeStream", "it would reveal changes of hidden fields"),
    ("$changeStreamSplitLargeEvent", "it would reveal changes of hidden fields"),
    ("$collStats", "it would reveal all documents"),
    ("$currentOp", "it would reveal details of the server"),
    ("$densify", "write the missing values into the documents"),
    ("$documents", "the documents are those of the collection"),
    ("$facet", "send each pipeline separately"),
    ("$fill", "set the fields with `$ifNull`"),
    ("$geoNear", "it reads an index, whose fields may be hidden; it must come first, before the rules"),
    ("$graphLookup", "it reads another collection; query that one, under its rules"),
    ("$indexStats", "it would reveal details of the server"),
    ("$listLocalSessions", "it would reveal details of the server"),
    ("$listSampledQueries", "it would reveal details of the server"),
    ("$listSearchIndexes", "it would reveal details of the server"),
    ("$listSessions", "it would reveal details of the server"),
    ("$lookup", "it reads another collection; query that one, under its rules"),
    ("$merge", "it writes"),
    ("$mergeCursors", "it is internal to the server"),
    ("$out", "it writes"),
    ("$planCacheStats", "it would reveal details of the server"),
    ("$queryStats", "it would reveal details of the server"),
    ("$queue", "it is internal to the server"),
    ("$rankFusion", "it reads an index, whose fields may be hidden"),
    ("$redact", "the rules redact the documents; leave fields out with `$project`, documents with `$match`"),
    ("$sample", "its result is not reproducible; use `$limit`"),
    ("$scoreFusion", "it reads an index, whose fields may be hidden"),
    ("$search", "it reads an index, whose fields may be hidden"),
    ("$searchMeta", "it reads an index, whose fields may be hidden"),
    ("$setVariableFromSubPipeline", "it is internal to the server"),
    ("$setWindowFields", "use `$group`"),
    ("$shardedDataDistribution", "it would reveal details of the server"),
    ("$unionWith", "it reads another collection; query that one, under its rules"),
    ("$vectorSearch", "it reads an index, whose fields may be hidden"),
];

const PLACE: &str = "a pipeline";
const UNKNOWN: &str = "the stages are `$match`, `$project`, `$set`, `$addFields`, `$unset`, `$group`, `$bucket`, `$sort`, \
                       `$sortByCount`, `$count`, `$limit`, `$skip`, `$unwind`, `$replaceRoot` and `$replaceWith`";

/// Rejects a stage that uses anything outside of the allowlists.
pub(super) fn check(stage: &Document, patterns: &PatternAllowance) -> Result<(), GuardedError> {
    let mut members = stage.iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err(GuardedError::Malformed("a stage is an object with one operator"));
    };
    match (name.as_str(), value) {
        ("$match", Bson::Document(conditions)) => filter::check(conditions, patterns),
        ("$project" | "$addFields" | "$set" | "$group", Bson::Document(fields)) => expression::fields(fields),
        ("$replaceRoot", Bson::Document(fields)) => known(name, fields, &["newRoot"]),
        ("$bucket", Bson::Document(fields)) => known(name, fields, &["groupBy", "boundaries", "default", "output"]),
        ("$unwind", Bson::Document(fields)) => {
            known(name, fields, &["path", "includeArrayIndex", "preserveNullAndEmptyArrays"])
        }
        ("$unwind" | "$count", Bson::String(text)) => expression::text(text),
        ("$replaceWith" | "$sortByCount", value) => expression::check(value),
        ("$unset", Bson::String(_)) => Ok(()),
        ("$unset", Bson::Array(names)) if names.iter().all(|name| name.as_str().is_some()) => Ok(()),
        ("$sort", Bson::Document(order)) => order.values().try_for_each(direction),
        ("$limit" | "$skip", Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => Ok(()),
        (
            "$match" | "$project" | "$addFields" | "$set" | "$group" | "$replaceRoot" | "$bucket" | "$unwind"
            | "$count" | "$unset" | "$sort" | "$limit" | "$skip",
            _,
        ) => Err(GuardedError::Malformed("a stage has an operand of the wrong type")),
        (name, _) => {
            let reason = REFUSED.iter().find(|(refused, _)| *refused == name).map_or(UNKNOWN, |(_, reason)| reason);
            Err(GuardedError::Unsupported { what: name.to_owned(), place: Some(PLACE), reason })
        }
    }
}

/// Rejects a stage that has members other than `names`, or an expression that is not allowed.
fn known(stage: &str, fields: &Document, names: &[&str]) -> Result<(), GuardedError> {
    match fields.keys().find(|key| !names.contains(&key.as_str())) {
        None => fields.values().try_for_each(expression::check),
        Some(key) => {
            let (what, reason) = (format!("{stage}.{key}"), "the stage has no such member here");
            Err(GuardedError::Unsupported { what, place: Some(PLACE), reason })
        }
    }
}

fn direction(value: &Bson) -> Result<(), GuardedError> {
    match value {
        Bson::Int32(1 | -1) | Bson::Int64(1 | -1) => Ok(()),
        Bson::Double(number) if number.abs() == 1.0 => Ok(()),
        _ => Err(GuardedError::Malformed("sort order must be 1 or -1")),
    }
}
