//! MongoDB's own error texts for operators and stages that no version of it knows. Clients recognize misspelt requests
//! by them. They quote nothing but the request.

use portcullis::aggregation::is_operator;
use portcullis::json::{self, Member, Node};
use portcullis::mongo_query::FIELD_OPERATORS;
use portcullis::text::{OneLine, excerpt};

/// The number of characters to which names are truncated.
const MAX_SHOWN: usize = 80;

/// The error text for the first unknown name in a request, if there is one.
pub(super) fn misspelt(options: &Node) -> Option<String> {
    let elements = |name: &str| options.get(name).and_then(Node::as_array).into_iter().flatten();
    options
        .get("filter")
        .and_then(misspelt_filter)
        .or_else(|| options.get("projection").and_then(projection))
        .or_else(|| options.get("update").and_then(update))
        .or_else(|| elements("arrayFilters").find_map(misspelt_filter))
        .or_else(|| elements("pipeline").find_map(stage))
}

/// The error text for the first unknown operator in a filter, if there is one.
pub(crate) fn misspelt_filter(filter: &Node) -> Option<String> {
    let members = filter.as_object().filter(|members| !is_value(members))?;
    members.iter().find_map(|Member { key, value, .. }| match key.as_str() {
        "$and" | "$or" | "$nor" => value.as_array()?.iter().find_map(misspelt_filter),
        "$expr" => expression(value),
        known if TOP_LEVEL.contains(&known) => None,
        unknown if unknown.starts_with('$') => Some(format!("unknown top level operator: {}.", shown(unknown))),
        _ => condition(value),
    })
}

/// The first unknown operator in the condition of a field.
fn condition(condition: &Node) -> Option<String> {
    operators(condition)?.iter().find_map(|Member { key, value, .. }| match key.as_str() {
        "$not" => self::condition(value),
        "$elemMatch" => match operators(value).and_then(<[Member]>::first) {
            Some(first) if !TOP_LEVEL.contains(&first.key.as_str()) => self::condition(value),
            _ => misspelt_filter(value),
        },
        "$all" => value.as_array()?.iter().find_map(|one| {
            let is_elements = one.as_object()?.first()?.key == "$elemMatch";
            if is_elements { self::condition(one) } else { None }
        }),
        known if FIELD_OPERATORS.contains(&known) || SHAPES.contains(&known) || !known.starts_with('$') => None,
        unknown => Some(format!("unknown operator: {}", shown(unknown))),
    })
}

fn projection(projection: &Node) -> Option<String> {
    projection.as_object()?.iter().find_map(|Member { value, .. }| match operators(value)?.first() {
        Some(first) if !is_known(&first.key) && !PROJECTED.contains(&first.key.as_str()) => {
            Some(format!("Unknown expression {}", shown(&first.key)))
        }
        _ => None,
    })
}

fn update(update: &Node) -> Option<String> {
    if let Some(stages) = update.as_array() {
        return stages.iter().find_map(stage);
    }
    let is_unknown = |name: &str| name.starts_with('$') && !MODIFIERS.contains(&name);
    let unknown = update.as_object()?.iter().find(|member| is_unknown(&member.key))?;
    Some(format!("Unknown modifier: {}.", shown(&unknown.key)))
}

fn stage(stage: &Node) -> Option<String> {
    let Member { key: name, value: operand, .. } = stage.as_object()?.first()?;
    let within = |text: String| format!("Invalid {name} :: caused by :: {text}");
    match name.as_str() {
        "$match" => misspelt_filter(operand),
        "$project" => projection(operand).or_else(|| fields(operand)).map(within),
        "$addFields" | "$set" => fields(operand).map(within),
        "$group" => operand.as_object()?.iter().find_map(|member| match member.key.as_str() {
            "_id" => expression(&member.value),
            _ => accumulator(&member.value),
        }),
        "$bucket" => operand
            .get("groupBy")
            .and_then(expression)
            .or_else(|| operand.get("output")?.as_object()?.iter().find_map(|member| accumulator(&member.value))),
        "$replaceRoot" => operand.get("newRoot").and_then(expression),
        "$replaceWith" | "$sortByCount" => expression(operand),
        known if STAGES.contains(&known) => None,
        _ => Some(format!("Unrecognized pipeline stage name: '{}'.", shown(name))),
    }
}

fn fields(fields: &Node) -> Option<String> {
    fields.as_object()?.iter().find_map(|member| expression(&member.value))
}

fn accumulator(accumulator: &Node) -> Option<String> {
    let Member { key: name, value: operand, .. } = operators(accumulator)?.first()?;
    if is_known(name) { expression(operand) } else { Some(format!("unknown group operator '{}'", shown(name))) }
}

/// The first unknown operator in an expression.
fn expression(node: &Node) -> Option<String> {
    if let Some(elements) = node.as_array() {
        return elements.iter().find_map(expression);
    }
    let members = node.as_object()?;
    match members {
        [Member { key, value, .. }] if key.starts_with('$') => match key.as_str() {
            "$literal" | "$const" => None,
            _ if is_value(members) => None,
            name if is_known(name) => expression(value),
            name => Some(format!("Unrecognized expression '{}'", shown(name))),
        },
        members if is_value(members) => None,
        members => members.iter().find_map(|member| expression(&member.value)),
    }
}

fn shown(name: &str) -> String {
    OneLine(excerpt(name, MAX_SHOWN)).to_string()
}

/// The members of an object that begins with an operator, rather than being a value.
fn operators(node: &Node) -> Option<&[Member]> {
    let members = node.as_object()?;
    (members.first()?.key.starts_with('$') && !is_value(members)).then_some(members)
}

/// Whether an object is a value in extended JSON, or a reference to another document.
fn is_value(members: &[Member]) -> bool {
    json::is_literal(members) || members.first().is_some_and(|first| ["$ref", "$id"].contains(&first.key.as_str()))
}

fn is_known(operator: &str) -> bool {
    is_operator(operator) || ELSEWHERE.contains(&operator)
}

/// MongoDB's expression operators and accumulators that are not supported here.
const ELSEWHERE: [&str; 18] = [
    "$accumulator",
    "$const",
    "$covariancePop",
    "$covarianceSamp",
    "$denseRank",
    "$derivative",
    "$documentNumber",
    "$expMovingAvg",
    "$function",
    "$integral",
    "$linearFill",
    "$locf",
    "$meta",
    "$rand",
    "$rank",
    "$sampleRate",
    "$shift",
    "$toHashedIndexKey",
];

/// The operators that only projections have.
const PROJECTED: [&str; 3] = ["$slice", "$elemMatch", "$meta"];

/// The operators inside geographical conditions.
const SHAPES: [&str; 2] = ["$centerSphere", "$geometry"];

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
