use bson::{Bson, Document};

use crate::guarded::error::GuardedError;

/// Operators of expressions, accumulators among them, that are let through, in the order of the alphabet.
const OPERATORS: &[&str] = &[
    "$abs",
    "$acos",
    "$acosh",
    "$add",
    "$addToSet",
    "$allElementsTrue",
    "$and",
    "$anyElementTrue",
    "$arrayElemAt",
    "$arrayToObject",
    "$asin",
    "$asinh",
    "$atan",
    "$atan2",
    "$atanh",
    "$avg",
    "$binarySize",
    "$bottom",
    "$bottomN",
    "$bsonSize",
    "$ceil",
    "$cmp",
    "$concat",
    "$concatArrays",
    "$cond",
    "$convert",
    "$cos",
    "$cosh",
    "$count",
    "$dateAdd",
    "$dateDiff",
    "$dateFromParts",
    "$dateFromString",
    "$dateSubtract",
    "$dateToParts",
    "$dateToString",
    "$dateTrunc",
    "$dayOfMonth",
    "$dayOfWeek",
    "$dayOfYear",
    "$degreesToRadians",
    "$divide",
    "$eq",
    "$exp",
    "$filter",
    "$first",
    "$firstN",
    "$floor",
    "$getField",
    "$gt",
    "$gte",
    "$hour",
    "$ifNull",
    "$in",
    "$indexOfArray",
    "$indexOfBytes",
    "$indexOfCP",
    "$isArray",
    "$isNumber",
    "$isoDayOfWeek",
    "$isoWeek",
    "$isoWeekYear",
    "$last",
    "$lastN",
    "$let",
    "$literal",
    "$ln",
    "$log",
    "$log10",
    "$lt",
    "$lte",
    "$ltrim",
    "$map",
    "$max",
    "$maxN",
    "$mergeObjects",
    "$millisecond",
    "$min",
    "$minN",
    "$minute",
    "$mod",
    "$month",
    "$multiply",
    "$ne",
    "$not",
    "$objectToArray",
    "$or",
    "$pow",
    "$push",
    "$radiansToDegrees",
    "$range",
    "$reduce",
    "$regexFind",
    "$regexFindAll",
    "$regexMatch",
    "$replaceAll",
    "$replaceOne",
    "$reverseArray",
    "$round",
    "$rtrim",
    "$second",
    "$setDifference",
    "$setEquals",
    "$setField",
    "$setIntersection",
    "$setIsSubset",
    "$setUnion",
    "$sin",
    "$sinh",
    "$size",
    "$slice",
    "$sortArray",
    "$split",
    "$sqrt",
    "$stdDevPop",
    "$stdDevSamp",
    "$strLenBytes",
    "$strLenCP",
    "$strcasecmp",
    "$substr",
    "$substrBytes",
    "$substrCP",
    "$subtract",
    "$sum",
    "$switch",
    "$tan",
    "$tanh",
    "$toBool",
    "$toDate",
    "$toDecimal",
    "$toDouble",
    "$toInt",
    "$toLong",
    "$toLower",
    "$toObjectId",
    "$toString",
    "$toUpper",
    "$top",
    "$topN",
    "$trim",
    "$trunc",
    "$tsIncrement",
    "$tsSecond",
    "$type",
    "$unsetField",
    "$week",
    "$year",
    "$zip",
];

/// Variables of the server's that are let through. Those of the client's own begin with a small letter.
const VARIABLES: [&str; 4] = ["CURRENT", "NOW", "REMOVE", "ROOT"];

const PLACE: &str = "an expression";

/// Refuses an expression with anything that is not let through.
pub(super) fn check(expression: &Bson) -> Result<(), GuardedError> {
    match expression {
        Bson::String(value) => text(value),
        Bson::Array(elements) => elements.iter().try_for_each(check),
        Bson::Document(members) => document(members),
        Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => {
            Err(refused("code", "client-supplied code is not executed"))
        }
        _ => Ok(()),
    }
}

/// The same for the expressions behind the names of fields.
pub(super) fn fields(fields: &Document) -> Result<(), GuardedError> {
    match fields.keys().find(|key| key.starts_with('$')) {
        Some(key) => Err(refused(key, "the name of a field stands there")),
        None => fields.values().try_for_each(check),
    }
}

fn document(members: &Document) -> Result<(), GuardedError> {
    let mut keys = members.iter();
    match (keys.next(), keys.next()) {
        (Some((key, operand)), None) if key.starts_with('$') => {
            if !OPERATORS.contains(&key.as_str()) {
                return Err(refused(key, reason(key)));
            }
            if key == "$literal" { Ok(()) } else { check(operand) }
        }
        _ => fields(members),
    }
}

/// A text of an expression: a value, a path, or a variable.
pub(super) fn text(text: &str) -> Result<(), GuardedError> {
    let Some(variable) = text.strip_prefix("$$") else { return Ok(()) };
    let name = variable.split('.').next().unwrap_or(variable);
    if name.starts_with(|first: char| first.is_ascii_lowercase() || !first.is_ascii()) || VARIABLES.contains(&name) {
        return Ok(());
    }
    Err(refused(text, "the variables are `$$ROOT`, `$$CURRENT`, `$$REMOVE`, `$$NOW` and those of the expression's own"))
}

fn reason(operator: &str) -> &'static str {
    match operator {
        "$function" | "$accumulator" | "$where" | "$_internalJsEmit" | "$_internalJsReduce" => {
            "client-supplied code is not executed"
        }
        "$meta" => "it tells of an index, whose fields may be hidden",
        "$rand" | "$sampleRate" => "its result is not the same twice",
        _ => "it is not on the list of operators",
    }
}

fn refused(what: &str, reason: &'static str) -> GuardedError {
    GuardedError::Unsupported { what: what.to_owned(), place: Some(PLACE), reason }
}
