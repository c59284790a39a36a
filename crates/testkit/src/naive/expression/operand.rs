//! The two operands of a test.

use bson::{Bson, Document};
use serde_json::Value as Json;

use crate::naive::check::is_expansion;
use crate::naive::name::Expansion;
use crate::naive::path::{Whole, whole};
use crate::naive::value::{from_ejson, is_ejson_literal, type_name};
use crate::naive::world::World;

/// The left operand of a test.
#[derive(Debug, Clone)]
pub enum Left {
    /// A property that does not exist in an object with a fixed set of properties.
    Unknown,
    /// Not supplied, or not loaded.
    Failed(String),
    Known {
        /// All values that the path reaches, including the elements of arrays at its end.
        candidates: Vec<Option<Bson>>,
        /// The same without the elements of arrays at its end.
        ends: Vec<Option<Bson>>,
        /// The value as a whole, for `%%root`, `%%prevRoot`, `%%this` and `%%prev`.
        document: Option<Whole>,
    },
}

/// The right operand of a test.
#[derive(Debug, Clone)]
pub enum Right {
    Unknown,
    Error(String),
    Known(Box<Operand>),
}

#[derive(Debug, Clone)]
pub struct Operand {
    pub(super) value: Bson,
    /// Whether the value is written in the rules instead of coming from an expansion.
    pub(super) literal: bool,
    /// Whether the value is an array from the context, so that equality with an element suffices.
    pub(super) member: bool,
    /// The value as a whole, for `%%root`, `%%prevRoot`, `%%this` and `%%prev`.
    pub(super) document: Option<Whole>,
}

impl Operand {
    pub(super) fn literal(value: Bson) -> Operand {
        Operand { value, literal: true, member: false, document: None }
    }

    pub(super) fn found(value: Bson) -> Operand {
        Operand { value, literal: false, member: false, document: None }
    }
}

pub(super) fn left_type(left: &Left) -> String {
    match left {
        Left::Unknown => "unknown".to_string(),
        Left::Failed(_) => "error".to_string(),
        Left::Known { candidates, .. } => match candidates.as_slice() {
            [] => "nothing".to_string(),
            // The last candidate of a spread array is the array itself.
            [.., last] => type_name(last.as_ref()).to_string(),
        },
    }
}

pub(super) fn right_type(right: &Right) -> &'static str {
    match right {
        Right::Unknown => "unknown",
        Right::Error(_) => "error",
        Right::Known(operand) => type_name(Some(&operand.value)),
    }
}

/// Resolves a right operand.
pub(super) fn right(world: &World, json: &Json) -> Right {
    if is_expansion(json) {
        return expanded(world, json);
    }
    match resolved(world, json, true) {
        Ok(Some(value)) => Right::Known(Box::new(Operand::literal(value))),
        Ok(None) => Right::Unknown,
        Err(text) => Right::Error(text),
    }
}

fn expanded(world: &World, json: &Json) -> Right {
    let expansion = Expansion::parse(json.as_str().expect("a string")).expect("an expansion").expect("checked before");
    let source = match world.source(&expansion) {
        Ok(Some(source)) => source,
        Ok(None) => return Right::Unknown,
        Err(text) => return Right::Error(text),
    };
    let met = whole(source.value.as_ref(), &source.path);
    match met.met() {
        None => Right::Unknown,
        Some(value) if expansion.is_constant() => Right::Known(Box::new(Operand::literal(value))),
        Some(value) if expansion.is_document() => {
            Right::Known(Box::new(Operand { value, literal: false, member: false, document: Some(met) }))
        }
        Some(value) => of_context(value),
    }
}

pub(super) fn of_context(value: Bson) -> Right {
    if is_unusable(&value) {
        return Right::Unknown;
    }
    Right::Known(Box::new(Operand { value, literal: false, member: true, document: None }))
}

/// Whether a value from the context cannot be compared with anything.
pub(super) fn is_unusable(value: &Bson) -> bool {
    match value {
        Bson::Null
        | Bson::MinKey
        | Bson::MaxKey
        | Bson::Undefined
        | Bson::RegularExpression(_)
        | Bson::JavaScriptCode(_)
        | Bson::JavaScriptCodeWithScope(_) => true,
        Bson::Array(array) => array.is_empty(),
        Bson::Document(document) => document.is_empty(),
        _ => false,
    }
}

/// Replaces the expansions in a literal by their values. Returns `None` if one of them has no value, and an error if
/// one of them was not supplied.
pub(super) fn resolved(world: &World, json: &Json, strict: bool) -> Result<Option<Bson>, String> {
    if is_expansion(json) {
        return match expanded(world, json) {
            Right::Known(operand) => Ok(Some(operand.value)),
            Right::Error(text) => Err(text),
            Right::Unknown if strict => Ok(None),
            // A function's argument may be null, but not missing.
            Right::Unknown => {
                let text = json.as_str().expect("a string");
                let expansion = Expansion::parse(text).expect("an expansion").expect("checked before");
                let source = world.source(&expansion)?;
                Ok(source.and_then(|source| whole(source.value.as_ref(), &source.path).met()))
            }
        };
    }
    match json {
        Json::Object(_) if is_ejson_literal(json) => Ok(from_ejson(json).ok()),
        Json::Object(object) => {
            let fields: Vec<(String, Option<Bson>)> = object
                .iter()
                .map(|(name, inner)| Ok((name.clone(), resolved(world, inner, strict)?)))
                .collect::<Result<_, String>>()?;
            let fields: Option<Document> = fields.into_iter().map(|(name, value)| Some((name, value?))).collect();
            Ok(fields.map(Bson::Document))
        }
        Json::Array(items) => {
            let items: Vec<Option<Bson>> =
                items.iter().map(|item| resolved(world, item, strict)).collect::<Result<_, String>>()?;
            let items: Option<Vec<Bson>> = items.into_iter().collect();
            Ok(items.map(Bson::Array))
        }
        _ => Ok(from_ejson(json).ok()),
    }
}

/// The list for `$in`, `$nin` or `$all`. Returns `None` if it is not an array, and an error if it was not supplied.
pub(super) fn list(world: &World, json: &Json) -> Result<Option<Vec<Right>>, String> {
    if let Json::Array(items) = json {
        let item = |item: &Json| match right(world, item) {
            // An array as an element is neither spread nor compared as a whole: each would grant access under one of
            // the operators.
            Right::Known(operand) if is_expansion(item) && operand.value.as_array().is_some() => Right::Unknown,
            other => other,
        };
        return Ok(Some(items.iter().map(item).collect()));
    }
    let text = json.as_str().expect("checked before");
    let expansion = Expansion::parse(text).expect("checked before").expect("checked before");
    let met = world.source(&expansion)?.and_then(|source| whole(source.value.as_ref(), &source.path).met());
    let Some(Bson::Array(elements)) = met else {
        return Ok(None);
    };
    let from_context = !expansion.is_document() && !expansion.is_constant();
    let element = |value: Bson| {
        if from_context && is_unusable(&value) { Right::Unknown } else { Right::Known(Box::new(Operand::found(value))) }
    };
    Ok(Some(elements.into_iter().map(element).collect()))
}

pub(super) fn mentions_document(operand: &Json) -> bool {
    match operand {
        Json::String(text) => {
            matches!(Expansion::parse(text), Some(Ok(expansion)) if expansion.is_document())
        }
        Json::Array(items) => items.iter().any(mentions_document),
        Json::Object(fields) => fields.values().any(mentions_document),
        _ => false,
    }
}
