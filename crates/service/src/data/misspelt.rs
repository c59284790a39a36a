//! MongoDB's own error texts for operators and stages that no version of it knows. Clients recognize misspelt requests
//! by them.

use portcullis::json::Node;

/// The error text for the first unknown name in a request, if there is one.
pub(super) fn misspelt(options: &Node) -> Option<String> {
    let first = |option: &str, known: &[&str]| {
        let members = options.get(option)?.as_object()?;
        let wrong = members.iter().find(|member| member.key.starts_with('$') && !known.contains(&&*member.key));
        wrong.map(|member| member.key.clone())
    };
    if let Some(name) = first("filter", &TOP_LEVEL) {
        return Some(format!("unknown top level operator: {name}."));
    }
    if let Some(name) = first("update", &MODIFIERS) {
        return Some(format!("Unknown modifier: {name}."));
    }
    let stages = options.get("pipeline")?.as_array()?;
    let names = stages.iter().filter_map(|stage| stage.as_object()?.first());
    let wrong = names.map(|member| &member.key).find(|name| !STAGES.contains(&name.as_str()))?;
    Some(format!("Unrecognized pipeline stage name: '{wrong}'."))
}

const TOP_LEVEL: [&str; 10] =
    ["$and", "$or", "$nor", "$expr", "$jsonSchema", "$comment", "$where", "$text", "$alwaysTrue", "$alwaysFalse"];

const MODIFIERS: [&str; 16] = [
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$setOnInsert",
    "$currentDate",
    "$push",
    "$pull",
    "$pullAll",
    "$addToSet",
    "$pop",
    "$bit",
    "$pushAll",
];

const STAGES: [&str; 34] = [
    "$addFields",
    "$bucket",
    "$bucketAuto",
    "$changeStream",
    "$collStats",
    "$count",
    "$currentOp",
    "$densify",
    "$documents",
    "$facet",
    "$fill",
    "$geoNear",
    "$graphLookup",
    "$group",
    "$indexStats",
    "$limit",
    "$listSessions",
    "$lookup",
    "$match",
    "$merge",
    "$out",
    "$planCacheStats",
    "$project",
    "$redact",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$search",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unionWith",
];
