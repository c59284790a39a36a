//! `$elemMatch`: a condition on the elements of an array, and whether it is Unknown regardless of the elements.

use bson::Bson;
use serde_json::{Map, Value as Json};

use super::comparison::{compare, is_there};
use super::conversion::{call, convert};
use super::operand::{Left, Right, list, mentions_document, right};
use super::{evaluate, left, one_operator, operators};
use crate::naive::check::{is_expansion, is_on_element_itself};
use crate::naive::name::{Expansion, has_sign, operator};
use crate::naive::path::Whole;
use crate::naive::truth::Truth;
use crate::naive::value::is_ejson_literal;
use crate::naive::world::World;

/// The array element that an `$elemMatch` currently examines.
#[derive(Debug, Clone)]
pub struct Element {
    pub(super) value: Bson,
    pub(super) of_document: bool,
}

pub(super) fn element_match(world: &World, left: &Left, condition: &Json) -> Truth {
    let askable = asks(world, condition);
    let (ends, document) = match left {
        Left::Known { ends, document, .. } => (ends, document),
        Left::Unknown => return Truth::Unknown.and(askable),
        Left::Failed(text) => return Truth::Error(text.clone()),
    };
    if !askable.holds() {
        return askable;
    }
    let of_document = document.is_some();
    let elements = ends.iter().flatten().filter_map(Bson::as_array).flatten();
    Truth::any(elements.map(|element| {
        if is_on_element_itself(condition) {
            let itself = Left::Known {
                candidates: vec![Some(element.clone())],
                ends: vec![Some(element.clone())],
                document: of_document.then(|| Whole::One(Some(element.clone()))),
            };
            return operators(world, &itself, condition.as_object().expect("checked before"));
        }
        match element {
            Bson::Document(_) | Bson::Array(_) => {
                evaluate(world, Some(&Element { value: element.clone(), of_document }), condition)
            }
            _ => Truth::False,
        }
    }))
}

/// Whether all operands in a condition resolve, independently of any element, and whether all tests that only involve
/// the context are True or False. Otherwise, returns Unknown or the error.
fn asks(world: &World, condition: &Json) -> Truth {
    let Json::Object(object) = condition else {
        return Truth::True;
    };
    Truth::all(object.iter().map(|(name, value)| {
        if operator(name).is_some() {
            return asks_operator(world, None, object, name, value);
        }
        let expansion = Expansion::parse(name).map(|expansion| expansion.expect("checked before"));
        let of_context = expansion.as_ref().is_some_and(|expansion| !expansion.is_document());
        let left = of_context.then(|| left(world, None, name).0);
        let constant = expansion.is_some_and(|expansion| expansion.is_constant());
        match value {
            // An embedded expression.
            Json::Object(inner)
                if constant
                    && !is_ejson_literal(value)
                    && !inner.keys().any(|name| operator(name) == Some("function")) =>
            {
                asks(world, value)
            }
            Json::Object(inner) if !is_ejson_literal(value) && inner.keys().any(|name| has_sign(name)) => {
                let inner = inner.iter().map(|(name, value)| asks_operator(world, left.as_ref(), inner, name, value));
                Truth::all(inner).and(left.as_ref().map_or(Truth::True, is_there))
            }
            _ => {
                let right = right(world, value);
                settled(&right).and(match left {
                    Some(left) if !mentions_document(value) => told(compare("plain", &left, &right)),
                    Some(left) => is_there(&left),
                    None => Truth::True,
                })
            }
        }
    }))
}

/// Maps True and False to True, and keeps Unknown and errors.
fn told(truth: Truth) -> Truth {
    match truth {
        Truth::True | Truth::False => Truth::True,
        untold => untold,
    }
}

fn asks_operator(world: &World, left: Option<&Left>, beside: &Map<String, Json>, name: &str, operand: &Json) -> Truth {
    let known = operator(name).expect("checked before");
    let inside = |inner: &Json| match (left, inner) {
        (Some(_), Json::Object(object)) => {
            Truth::all(object.iter().map(|(name, operand)| asks_operator(world, left, object, name, operand)))
        }
        _ => asks(world, inner),
    };
    let resolved = match known {
        "and" | "or" | "nor" => return Truth::all(operand.as_array().into_iter().flatten().map(inside)),
        "not" => return inside(operand),
        "elemMatch" => return asks(world, operand),
        "function" => return settled(&call(world, operand)),
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" => settled(&right(world, operand)),
        "in" | "nin" | "all" => match list(world, operand) {
            Err(text) => Truth::Error(text),
            Ok(None) => Truth::Unknown,
            // At least one element of an expanded list must be comparable.
            Ok(Some(list)) if is_expansion(operand) => {
                let nothing = list.iter().all(|right| matches!(right, Right::Unknown));
                if nothing && !list.is_empty() { Truth::Unknown } else { Truth::True }
            }
            Ok(Some(list)) => Truth::all(list.iter().map(settled)),
        },
        "stringToOid" | "oidToString" | "stringToUuid" | "uuidToString" => {
            settled(&convert(known, right(world, operand)))
        }
        _ => Truth::True,
    };
    match left {
        Some(left) if !mentions_document(operand) => {
            resolved.and(told(one_operator(world, left, beside, name, known, operand)))
        }
        _ => resolved,
    }
}

fn settled(right: &Right) -> Truth {
    match right {
        Right::Unknown => Truth::Unknown,
        Right::Error(text) => Truth::Error(text.clone()),
        Right::Known(_) => Truth::True,
    }
}
