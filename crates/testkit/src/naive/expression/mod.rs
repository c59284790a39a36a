//! Evaluates expressions directly from their JSON text.

mod comparison;
mod conversion;
mod element;
mod operand;
mod value_test;

use bson::Bson;
use serde_json::{Map, Value as Json};

use super::coverage;
use super::name::{Expansion, Scope, has_sign, is_logical, operator, plain_path};
use super::path::{candidates, whole};
use super::truth::Truth;
use super::value::{Number, from_ejson, is_ejson_literal, type_name};
use super::world::World;
use comparison::{all, compare, in_list, settle};
use conversion::{call, convert};
use element::element_match;
use operand::{left_type, list, right, right_type};
use value_test::{has_remainder, has_type, matches_pattern};

pub use element::Element;
pub use operand::Left;

/// Evaluates an expression. Inside `$elemMatch`, plain names are relative to `element`.
pub fn evaluate(world: &World, element: Option<&Element>, json: &Json) -> Truth {
    let object = match json {
        Json::Bool(value) => return Truth::from(*value),
        Json::Object(object) => object,
        other => unreachable!("checked before: {other}"),
    };
    Truth::all(object.iter().map(|(name, value)| {
        if is_logical(name) {
            return logical(name, value, |inner| evaluate(world, element, inner));
        }
        let (left, constant) = left(world, element, name);
        match constant {
            Some(wanted) => constant_test(world, element, wanted, &left, value),
            None => test(world, &left, value),
        }
    }))
}

fn logical(name: &str, value: &Json, evaluate: impl Fn(&Json) -> Truth) -> Truth {
    let each = || value.as_array().expect("checked before").iter().map(&evaluate).collect::<Vec<Truth>>();
    match operator(name) {
        Some("and") => Truth::all(each()),
        Some("or") => Truth::any(each()),
        Some("nor") => !Truth::any(each()),
        _ => !evaluate(value),
    }
}

/// Resolves the left operand that a name stands for; for `%%true` and `%%false`, also returns the boolean.
fn left(world: &World, element: Option<&Element>, name: &str) -> (Left, Option<bool>) {
    if let Some(expansion) = Expansion::parse(name) {
        let expansion = expansion.expect("checked before");
        let constant = expansion.is_constant().then_some(expansion.name == "true");
        let left = match world.source(&expansion) {
            Err(text) => Left::Failed(text),
            Ok(None) => Left::Unknown,
            Ok(Some(source)) => known(source.value.as_ref(), &source.path, expansion.is_document()),
        };
        return (left, constant);
    }
    let path = plain_path(name).expect("checked before");
    let left = match element {
        Some(element) => known(Some(&as_document(&element.value)), &path, element.of_document),
        None if world.scope == Scope::Service => match &world.args {
            None => Left::Failed("args not supplied".to_string()),
            Some(args) => known(from_ejson(args).ok().as_ref(), &path, false),
        },
        None => known(world.root.as_ref(), &path, true),
    };
    (left, None)
}

/// Inside `$elemMatch`, a query treats an array as a document whose field names are the indexes.
fn as_document(value: &Bson) -> Bson {
    match value {
        Bson::Array(elements) => {
            let fields = elements.iter().enumerate().map(|(index, element)| (index.to_string(), element.clone()));
            Bson::Document(fields.collect())
        }
        other => other.clone(),
    }
}

fn known(value: Option<&Bson>, path: &[String], of_document: bool) -> Left {
    Left::Known {
        candidates: candidates(value, path, true),
        ends: candidates(value, path, false),
        document: of_document.then(|| whole(value, path)),
    }
}

/// Compares `%%true` or `%%false` with the result of an embedded expression, or with a value.
fn constant_test(world: &World, element: Option<&Element>, wanted: bool, left: &Left, value: &Json) -> Truth {
    match value {
        Json::Object(object) if !is_ejson_literal(value) => {
            if object.keys().any(|name| operator(name) == Some("function")) {
                return test(world, left, value);
            }
            let result = evaluate(world, element, value);
            if wanted { result } else { !result }
        }
        _ => test(world, left, value),
    }
}

/// Tests the left operand of one field of an expression against a value or operators.
fn test(world: &World, left: &Left, value: &Json) -> Truth {
    match value {
        Json::Object(object) if !is_ejson_literal(value) && object.keys().any(|name| has_sign(name)) => {
            operators(world, left, object)
        }
        _ => compare("plain", left, &right(world, value)),
    }
}

fn operators(world: &World, left: &Left, object: &Map<String, Json>) -> Truth {
    Truth::all(object.iter().map(|(name, operand)| {
        let known = operator(name).expect("checked before");
        one_operator(world, left, object, name, known, operand)
    }))
}

fn one_operator(
    world: &World,
    left: &Left,
    beside: &Map<String, Json>,
    name: &str,
    known: &str,
    operand: &Json,
) -> Truth {
    match known {
        "and" | "or" | "nor" | "not" => {
            coverage::operator(known, &left_type(left), "condition");
            logical(name, operand, |inner| operators(world, left, inner.as_object().expect("checked before")))
        }
        "eq" | "gt" | "gte" | "lt" | "lte" => compare(known, left, &right(world, operand)),
        "ne" => !compare(known, left, &right(world, operand)),
        "in" => in_list(known, left, list(world, operand)),
        "nin" => !in_list(known, left, list(world, operand)),
        "all" => all(left, list(world, operand)),
        "stringToOid" | "oidToString" | "stringToUuid" | "uuidToString" => {
            let operand = right(world, operand);
            coverage::operator(known, &left_type(left), right_type(&operand));
            settle(known, left, &convert(known, operand))
        }
        "function" => compare(known, left, &call(world, operand)),
        "elemMatch" => {
            coverage::operator(known, &left_type(left), "condition");
            element_match(world, left, operand)
        }
        "options" => Truth::True,
        _ => {
            let written = from_ejson(operand).ok();
            coverage::operator(known, &left_type(left), type_name(written.as_ref()));
            let (candidates, ends) = match left {
                Left::Known { candidates, ends, .. } => (candidates, ends),
                Left::Unknown => return Truth::Unknown,
                Left::Failed(text) => return Truth::Error(text.clone()),
            };
            Truth::from(match known {
                "exists" => {
                    let wanted = match written.expect("checked before") {
                        Bson::Boolean(wanted) => wanted,
                        Bson::String(wanted) => wanted == "%%true",
                        number => Number::of(&number).and_then(|number| number.truncated()) == Some(1),
                    };
                    candidates.iter().any(Option::is_some) == wanted
                }
                "size" => {
                    let wanted = Number::of(&written.expect("checked before")).and_then(|number| number.truncated());
                    ends.iter()
                        .flatten()
                        .filter_map(Bson::as_array)
                        .any(|array| i64::try_from(array.len()).ok() == wanted)
                }
                "type" => candidates.iter().flatten().any(|candidate| has_type(candidate, operand)),
                "mod" => candidates.iter().flatten().any(|candidate| has_remainder(candidate, operand)),
                "regex" => candidates.iter().flatten().any(|candidate| matches_pattern(candidate, beside, operand)),
                other => unreachable!("operator {other}"),
            })
        }
    }
}
