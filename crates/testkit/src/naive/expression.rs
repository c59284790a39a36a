//! Evaluates an expression as it is written, again and again from its text.

use std::cmp::Ordering;

use bson::{Bson, Document};
use serde_json::{Map, Value as Json};

use super::check::{TYPES, is_expansion, is_on_element_itself, pattern_of};
use super::coverage;
use super::name::{Expansion, has_sign, is_logical, operator, plain_path};
use super::path::{Whole, candidates, whole};
use super::truth::Truth;
use super::value::{Number, equal, from_ejson, is_ejson_literal, order, text, type_name};
use super::world::World;

/// The left side of a test.
#[derive(Debug, Clone)]
pub enum Left {
    /// A property that no such object has.
    Unknown,
    /// Not supplied, or not loaded.
    Failed(String),
    Known {
        /// Everything the path stands for, arrays at its end spread.
        candidates: Vec<Option<Bson>>,
        /// The same without spreading.
        ends: Vec<Option<Bson>>,
        /// Set for `%%root`, `%%prevRoot`, `%%this` and `%%prev`.
        document: Option<Whole>,
    },
}

/// The right side of a test.
#[derive(Debug, Clone)]
pub enum Right {
    Unknown,
    Error(String),
    Known(Box<Operand>),
}

#[derive(Debug, Clone)]
pub struct Operand {
    value: Bson,
    /// Written in the rules, as opposed to found through an expansion.
    literal: bool,
    /// An array of the context: membership in it counts as equality.
    member: bool,
    /// Set for `%%root`, `%%prevRoot`, `%%this` and `%%prev`.
    document: Option<Whole>,
}

impl Operand {
    fn literal(value: Bson) -> Operand {
        Operand { value, literal: true, member: false, document: None }
    }

    fn found(value: Bson) -> Operand {
        Operand { value, literal: false, member: false, document: None }
    }
}

/// Evaluates an expression. `element` is the element that plain names are relative to inside `$elemMatch`.
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

/// An element of an array, while `$elemMatch` looks into it.
#[derive(Debug, Clone)]
pub struct Element {
    value: Bson,
    of_document: bool,
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

/// The left operand that a name stands for; with its value if it is `%%true` or `%%false`.
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
        None if world.scope == super::name::Scope::Service => match &world.args {
            None => Left::Failed("args not supplied".to_string()),
            Some(args) => known(from_ejson(args).ok().as_ref(), &path, false),
        },
        None => known(world.root.as_ref(), &path, true),
    };
    (left, None)
}

/// To a query inside `$elemMatch`, an array is a document whose names are the indexes.
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

/// `%%true` and `%%false` compare with the result of an embedded expression, or with a value.
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

/// One field of an expression: the left operand against a value or against operators.
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

fn left_type(left: &Left) -> String {
    match left {
        Left::Unknown => "unknown".to_string(),
        Left::Failed(_) => "error".to_string(),
        Left::Known { candidates, .. } => match candidates.as_slice() {
            [] => "nothing".to_string(),
            // The last candidate of a spread array is the array.
            [.., last] => type_name(last.as_ref()).to_string(),
        },
    }
}

fn right_type(right: &Right) -> &'static str {
    match right {
        Right::Unknown => "unknown",
        Right::Error(_) => "error",
        Right::Known(operand) => type_name(Some(&operand.value)),
    }
}

/// `eq` (also under other names), or an order.
fn compare(name: &str, left: &Left, right: &Right) -> Truth {
    coverage::operator(name, &left_type(left), right_type(right));
    settle(name, left, right)
}

fn settle(name: &str, left: &Left, right: &Right) -> Truth {
    let operand = match (left, right) {
        (_, Right::Error(text)) | (Left::Failed(text), _) => return Truth::Error(text.clone()),
        (Left::Unknown, _) | (_, Right::Unknown) => return Truth::Unknown,
        (_, Right::Known(operand)) => operand,
    };
    match name {
        "gt" => ordered(left, operand, |order| order == Ordering::Greater),
        "gte" => ordered(left, operand, |order| order != Ordering::Less),
        "lt" => ordered(left, operand, |order| order == Ordering::Less),
        "lte" => ordered(left, operand, |order| order != Ordering::Greater),
        _ => eq(left, operand),
    }
}

fn eq(left: &Left, operand: &Operand) -> Truth {
    let Left::Known { candidates, document, .. } = left else {
        return is_there(left);
    };
    if let (Some(left), Some(right)) = (document, &operand.document) {
        if matches!(left, Whole::Ambiguous) {
            return Truth::Unknown;
        }
        return Truth::from(same_whole(left, right));
    }
    let meets = |wanted: &Bson| candidates.iter().flatten().any(|candidate| equal(candidate, wanted));
    let missing_is_null = operand.literal && operand.value == Bson::Null && candidates.iter().any(Option::is_none);
    let mut result = Truth::from(meets(&operand.value) || missing_is_null);
    if let (true, Bson::Array(elements)) = (operand.member, &operand.value) {
        for element in elements {
            result = result.or(if is_unusable(element) { Truth::Unknown } else { Truth::from(meets(element)) });
        }
    }
    result
}

/// Two documents' operands: whole values, and lists of the same length and order.
fn same_whole(left: &Whole, right: &Whole) -> bool {
    match (left, right) {
        (Whole::One(None), Whole::One(None)) => true,
        (Whole::One(Some(left)), Whole::One(Some(right))) => equal(left, right),
        (Whole::Many(left), Whole::Many(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_whole(left, right))
        }
        (Whole::Many(list), Whole::One(Some(Bson::Array(array))))
        | (Whole::One(Some(Bson::Array(array))), Whole::Many(list)) => {
            list.len() == array.len()
                && list.iter().zip(array).all(|(part, element)| same_whole(part, &Whole::One(Some(element.clone()))))
        }
        _ => false,
    }
}

fn ordered(left: &Left, operand: &Operand, fits: impl Fn(Ordering) -> bool) -> Truth {
    let Left::Known { candidates, document, .. } = left else {
        return is_there(left);
    };
    let holds = |left: &Bson| order(left, &operand.value).is_some_and(&fits);
    Truth::from(match (document, &operand.document) {
        (Some(Whole::Ambiguous), Some(Whole::One(_))) => return Truth::Unknown,
        (Some(Whole::One(Some(left))), Some(Whole::One(_))) => holds(left),
        (Some(_), Some(_)) => false,
        _ => candidates.iter().flatten().any(holds),
    })
}

/// What an operand from the context cannot be compared with.
fn is_unusable(value: &Bson) -> bool {
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

/// The value of an operand on the right.
fn right(world: &World, json: &Json) -> Right {
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

fn of_context(value: Bson) -> Right {
    if is_unusable(&value) {
        return Right::Unknown;
    }
    Right::Known(Box::new(Operand { value, literal: false, member: true, document: None }))
}

/// A literal with the expansions inside replaced by their values; `None` if one of them has none, an error if one of them
/// was not supplied.
fn resolved(world: &World, json: &Json, strict: bool) -> Result<Option<Bson>, String> {
    if is_expansion(json) {
        return match expanded(world, json) {
            Right::Known(operand) => Ok(Some(operand.value)),
            Right::Error(text) => Err(text),
            Right::Unknown if strict => Ok(None),
            // A function may be given a null, but nothing that is not there.
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

/// The list of `$in`, `$nin` and `$all`; `None` if it is no array, an error if it was not supplied.
fn list(world: &World, json: &Json) -> Result<Option<Vec<Right>>, String> {
    if let Json::Array(items) = json {
        let item = |item: &Json| match right(world, item) {
            // Neither spread nor compared whole: both would grant something under one of the operators.
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

fn in_list(name: &str, left: &Left, list: Result<Option<Vec<Right>>, String>) -> Truth {
    let list = match list {
        Ok(Some(list)) => list,
        Ok(None) => {
            coverage::operator(name, &left_type(left), "unknown");
            return compare_nothing(left, Truth::Unknown);
        }
        Err(text) => {
            coverage::operator(name, &left_type(left), "error");
            return Truth::Error(text);
        }
    };
    if list.is_empty() {
        coverage::operator(name, &left_type(left), "nothing");
    }
    // Of no element, nothing is said but what the left operand says by itself.
    compare_nothing(left, Truth::any(list.iter().map(|right| compare(name, left, right))))
}

fn all(left: &Left, list: Result<Option<Vec<Right>>, String>) -> Truth {
    let list = list.expect("checked before").expect("checked before");
    if list.is_empty() {
        coverage::operator("all", &left_type(left), "nothing");
        return compare_nothing(left, Truth::False);
    }
    compare_nothing(left, Truth::all(list.iter().map(|right| compare("all", left, right))))
}

/// The truth of a comparison with several values, or with none: a left operand that is not there leaves it untold.
fn compare_nothing(left: &Left, otherwise: Truth) -> Truth {
    match (left, otherwise) {
        (Left::Known { .. }, otherwise) => otherwise,
        (Left::Failed(text), _) => Truth::Error(text.clone()),
        (Left::Unknown, Truth::Error(text)) => Truth::Error(text),
        (Left::Unknown, _) => Truth::Unknown,
    }
}

fn convert(name: &str, right: Right) -> Right {
    let Right::Known(operand) = right else {
        return right;
    };
    let converted = match (name, &operand.value) {
        ("stringToOid", Bson::ObjectId(_)) | ("oidToString" | "uuidToString", Bson::String(_)) => {
            Some(operand.value.clone())
        }
        ("stringToOid", Bson::String(text)) => object_id(text),
        ("oidToString", Bson::ObjectId(id)) => Some(Bson::String(id.to_hex())),
        ("stringToUuid", Bson::Binary(_)) => uuid_text(&operand.value).map(|_| operand.value.clone()),
        ("stringToUuid", Bson::String(text)) => uuid(text),
        ("uuidToString", Bson::Binary(_)) => uuid_text(&operand.value).map(Bson::String),
        _ => None,
    };
    converted.map_or(Right::Unknown, |value| Right::Known(Box::new(Operand::found(value))))
}

fn object_id(text: &str) -> Option<Bson> {
    if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return bson::oid::ObjectId::parse_str(text).ok().map(Bson::ObjectId);
    }
    let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
    Some(Bson::ObjectId(bson::oid::ObjectId::from_bytes(bytes)))
}

fn uuid(text: &str) -> Option<Bson> {
    let dashes: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if text.len() != 36 || dashes != [8, 13, 18, 23] {
        return None;
    }
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bytes =
        (0..16).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect::<Option<Vec<u8>>>()?;
    Some(Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes }))
}

fn uuid_text(value: &Bson) -> Option<String> {
    let Bson::Binary(binary) = value else {
        return None;
    };
    if binary.subtype != bson::spec::BinarySubtype::Uuid || binary.bytes.len() != 16 {
        return None;
    }
    let digits: Vec<String> = binary.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let groups = [&digits[..4], &digits[4..6], &digits[6..8], &digits[8..10], &digits[10..]];
    Some(groups.map(<[String]>::concat).join("-"))
}

fn call(world: &World, call: &Json) -> Right {
    let name = call["name"].as_str().expect("checked before");
    if !world.has_function(name) {
        return Right::Error(format!("function not found: '{name}'"));
    }
    let written: Vec<&Json> = match call.get("arguments") {
        None => Vec::new(),
        Some(Json::Array(arguments)) => arguments.iter().collect(),
        Some(argument) => vec![argument],
    };
    let arguments: Result<Vec<Option<Bson>>, String> =
        written.into_iter().map(|argument| resolved(world, argument, false)).collect();
    match arguments.map(|arguments| arguments.into_iter().collect::<Option<Vec<Bson>>>()) {
        Err(text) => Right::Error(text),
        Ok(None) => Right::Unknown,
        Ok(Some(arguments)) => match world.call(name, &arguments) {
            Err(text) => Right::Error(text),
            Ok(value) => of_context(value),
        },
    }
}

fn element_match(world: &World, left: &Left, condition: &Json) -> Truth {
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

/// Whether every operand in a condition can be resolved, whatever element it is asked for; and whether every test in
/// it that looks at the context alone can be told.
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

/// What is left of a truth that is asked only whether it can be told.
fn told(truth: Truth) -> Truth {
    match truth {
        Truth::True | Truth::False => Truth::True,
        untold => untold,
    }
}

fn is_there(left: &Left) -> Truth {
    match left {
        Left::Known { .. } => Truth::True,
        Left::Unknown => Truth::Unknown,
        Left::Failed(text) => Truth::Error(text.clone()),
    }
}

fn mentions_document(operand: &Json) -> bool {
    match operand {
        Json::String(text) => {
            matches!(Expansion::parse(text), Some(Ok(expansion)) if expansion.is_document())
        }
        Json::Array(items) => items.iter().any(mentions_document),
        Json::Object(fields) => fields.values().any(mentions_document),
        _ => false,
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
            // Of an expanded list something must be there to compare with.
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

fn has_type(candidate: &Bson, wanted: &Json) -> bool {
    let one = |wanted: &Json| {
        let Ok(wanted) = from_ejson(wanted) else {
            return false;
        };
        match text(&wanted) {
            Some("number") => Number::of(candidate).is_some(),
            Some(alias) => type_name(Some(candidate)) == alias,
            None => {
                let code = Number::of(&wanted).and_then(|number| number.truncated());
                TYPES.iter().any(|(alias, known)| *alias == type_name(Some(candidate)) && Some(*known) == code)
            }
        }
    };
    match wanted {
        Json::Array(types) => types.iter().any(one),
        other => one(other),
    }
}

fn has_remainder(candidate: &Bson, operand: &Json) -> bool {
    let part = |at: usize| {
        from_ejson(&operand[at])
            .ok()
            .as_ref()
            .and_then(Number::of)
            .and_then(|number| number.truncated())
            .expect("checked")
    };
    Number::of(candidate)
        .and_then(|number| number.truncated())
        .is_some_and(|number| i128::from(number) % i128::from(part(0)) == i128::from(part(1)))
}

fn matches_pattern(candidate: &Bson, beside: &Map<String, Json>, pattern: &Json) -> bool {
    let options = beside.iter().find(|(name, _)| operator(name) == Some("options"));
    let options = options.and_then(|(_, options)| options.as_str()).unwrap_or("");
    let pattern = pattern.as_str().expect("checked before");
    if let Bson::RegularExpression(stored) = candidate {
        return stored.pattern.as_str() == pattern && stored.options.as_str() == options;
    }
    text(candidate).is_some_and(|text| pattern_of(pattern, options).expect("checked before").is_match(text))
}
