//! Random reads: filters, sorts, projections and ranges on both visible and hidden fields.

use serde_json::{Map, Value as Json, json};

use super::choices::Choices;
use super::documents::{self, name, number, path, scalar, text, value};

pub fn read(choices: &mut Choices) -> Json {
    match choices.below(10) {
        0..=4 => json!({"find": find(choices)}),
        5 | 6 => {
            let mut request = json!({"filter": filter(choices, 2)});
            part(choices, &mut request);
            json!({"count": request})
        }
        _ => json!({"distinct": path(choices), "filter": filter(choices, 2)}),
    }
}

fn find(choices: &mut Choices) -> Json {
    let mut request = json!({});
    if choices.chance(75) {
        request["filter"] = filter(choices, 2);
    }
    if choices.chance(35) {
        request["projection"] = projection(choices);
    }
    if choices.chance(60) {
        request["sort"] = sort(choices);
    }
    part(choices, &mut request);
    request
}

fn part(choices: &mut Choices, request: &mut Json) {
    if choices.chance(15) {
        request["skip"] = json!(choices.below(4));
    }
    if choices.chance(25) {
        request["limit"] = json!(choices.below(5));
    }
}

pub fn projection(choices: &mut Choices) -> Json {
    let shown = choices.below(2);
    let mut projection = Map::new();
    for _ in 0..=choices.below(3) {
        let path = path(choices);
        let meets = |given: &String| given.starts_with(&path) || path.starts_with(given.as_str());
        if !projection.keys().any(meets) {
            projection.insert(path, json!(shown));
        }
    }
    Json::Object(projection)
}

pub fn sort(choices: &mut Choices) -> Json {
    let mut sort = Map::new();
    for _ in 0..choices.pick(&[1, 1, 2]) {
        sort.insert(path(choices), json!(choices.pick(&[1, -1])));
    }
    Json::Object(sort)
}

/// A filter, which is sometimes malformed.
pub fn filter(choices: &mut Choices, depth: usize) -> Json {
    let mut filter = Map::new();
    for _ in 0..choices.pick(&[0, 1, 1, 1, 1, 2]) {
        if depth > 0 && choices.chance(18) {
            let (name, operand) = whole(choices);
            filter.insert(name.to_owned(), operand);
        } else if depth > 0 && choices.chance(20) {
            let parts: Vec<Json> = (0..choices.pick(&[1, 2, 2])).map(|_| self::filter(choices, depth - 1)).collect();
            filter.insert(choices.pick(&["$and", "$or", "$nor"]).to_owned(), Json::Array(parts));
        } else {
            let path = path(choices);
            let condition = condition(choices, &path, depth);
            filter.insert(path, condition);
        }
    }
    Json::Object(filter)
}

/// A condition on the whole document: `$expr` or `$jsonSchema`.
fn whole(choices: &mut Choices) -> (&'static str, Json) {
    match choices.below(8) {
        0 => ("$comment", json!("why")),
        1 | 2 => ("$jsonSchema", schema(choices, 1)),
        _ => ("$expr", expression(choices, 2)),
    }
}

fn schema(choices: &mut Choices, depth: usize) -> Json {
    let name = name(choices);
    match choices.below(if depth == 0 { 5 } else { 8 }) {
        0 => json!({"required": [name]}),
        1 => json!({"bsonType": choices.pick(&["object", "string", "int"])}),
        2 => json!({"maxProperties": choices.below(6)}),
        3 => json!({"properties": {name: {"bsonType": choices.pick(&["int", "string", "array", "object"])}}}),
        4 => {
            json!({"properties": {name: {"minimum": 2, "maxLength": 2, "minItems": 1}}, "additionalProperties": choices.chance(50)})
        }
        5 => json!({"not": schema(choices, depth - 1)}),
        6 => json!({"oneOf": [schema(choices, depth - 1), schema(choices, depth - 1)]}),
        _ => json!({"patternProperties": {"^[a-m]": schema(choices, depth - 1)}, "dependencies": {name: ["a"]}}),
    }
}

/// An expression for a filter, which sometimes fails on some documents.
fn expression(choices: &mut Choices, depth: usize) -> Json {
    let field = |choices: &mut Choices| json!(format!("${}", path(choices)));
    if depth == 0 {
        return match choices.below(4) {
            0 => json!(choices.below(4)),
            1 => json!({"$literal": scalar(choices)}),
            _ => field(choices),
        };
    }
    let part = |choices: &mut Choices| expression(choices, depth - 1);
    match choices.below(12) {
        0..=2 => json!({choices.pick(&["$eq", "$ne", "$gt", "$lt", "$cmp"]): [part(choices), part(choices)]}),
        3 => json!({choices.pick(&["$and", "$or"]): [part(choices), part(choices)]}),
        4 => json!({choices.pick(&["$size", "$strLenCP", "$bsonSize", "$toInt"]): field(choices)}),
        5 => json!({choices.pick(&["$type", "$isArray", "$not", "$isNumber"]): [field(choices)]}),
        6 => json!({choices.pick(&["$add", "$divide", "$mod"]): [field(choices), part(choices)]}),
        7 => json!({"$gt": [{"$bsonSize": "$$ROOT"}, choices.pick(&[20, 60, 100, 200])]}),
        8 => json!({"$in": [part(choices), {"$map": {"input": {"$objectToArray": "$$ROOT"}, "in": "$$this.v"}}]}),
        9 => json!({"$cond": [part(choices), part(choices), part(choices)]}),
        10 => json!({"$ifNull": [field(choices), part(choices)]}),
        _ => json!({"$anyElementTrue": {"$map": {"input": field(choices), "in": {"$gt": ["$$this", 1]}}}}),
    }
}

/// A value that the field at this path is likely to have.
pub fn likely(choices: &mut Choices, path: &str) -> Json {
    match path.rsplit('.').next() {
        _ if choices.chance(10) => value(choices, 1),
        Some("_id") => json!(choices.below(8)),
        Some("a" | "x" | "y" | "n" | "m") => number(choices),
        Some("b" | "s" | "t") => text(choices),
        Some("c" | "0" | "tags") => scalar(choices),
        Some(name) => documents::field(choices, name),
        None => scalar(choices),
    }
}

fn is_plain(value: &Json) -> bool {
    !value.is_null()
        && !value.is_array()
        && value.get("$regularExpression").is_none()
        && (!value.is_object()
            || value.as_object().is_some_and(|members| members.keys().any(|key| key.starts_with('$'))))
}

pub fn condition(choices: &mut Choices, path: &str, depth: usize) -> Json {
    if choices.chance(25) {
        return likely(choices, path);
    }
    let mut conditions = Map::new();
    for _ in 0..choices.pick(&[1, 1, 1, 2]) {
        let (name, operand) = operator(choices, path, depth);
        conditions.insert(name.to_owned(), operand);
    }
    Json::Object(conditions)
}

fn operator(choices: &mut Choices, path: &str, depth: usize) -> (&'static str, Json) {
    let list = |choices: &mut Choices| (0..choices.below(4)).map(|_| likely(choices, path)).collect::<Json>();
    match choices.below(if depth == 0 { 14 } else { 17 }) {
        0 => ("$eq", likely(choices, path)),
        1 => ("$ne", likely(choices, path)),
        2 | 3 => {
            let value = likely(choices, path);
            let value = if is_plain(&value) { value } else { json!(2) };
            (choices.pick(&["$gt", "$gte", "$lt", "$lte"]), value)
        }
        4 | 5 => ("$in", list(choices)),
        6 => ("$nin", list(choices)),
        7 => ("$exists", json!(choices.chance(50))),
        8 => (
            "$type",
            choices.pick(&[
                json!("string"),
                json!("int"),
                json!("array"),
                json!("object"),
                json!("number"),
                json!("null"),
            ]),
        ),
        9 => ("$size", json!(choices.below(4))),
        10 => ("$regex", json!(choices.pick(&["a", "^a", "b$", "^.{0,2}$", "x{3}"]))),
        11 => ("$all", list(choices)),
        12 => ("$mod", choices.pick(&[json!([2, 1]), json!([3, 0])])),
        13 => {
            let name = choices.pick(&["$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear"]);
            (name, choices.pick(&[json!(1), json!(3), json!([0, 2])]))
        }
        14 => {
            let (name, operand) = operator(choices, path, depth - 1);
            ("$not", json!({name: operand}))
        }
        15 => {
            let inner = choices.pick(&["a", "b", "c", "in.x"]);
            let condition = condition(choices, inner, depth - 1);
            ("$elemMatch", json!({inner: condition}))
        }
        _ => {
            let (name, operand) = operator(choices, path, 0);
            ("$elemMatch", json!({name: operand}))
        }
    }
}

/// A filter with a condition on a single field.
pub fn one_field(choices: &mut Choices) -> Json {
    let name = name(choices);
    let condition = condition(choices, name, 1);
    json!({name: condition})
}
