//! Validates documents by `schema.json`, for the most common keywords.

use bson::{Bson, Document};
use serde_json::{Map, Value as Json};

use super::check::{TYPES, expression, pattern_of};
use super::expression::evaluate;
use super::name::Scope;
use super::truth::Truth;
use super::value::{Number, equal, from_ejson, text, type_name};
use super::world::World;

#[derive(Debug, Default)]
pub struct Failures {
    pub texts: Vec<String>,
    pub error: Option<String>,
}

impl Failures {
    fn unless(&mut self, holds: bool, path: &str, text: &str) {
        if !holds {
            self.texts.push(format!("{path}: {text}"));
        }
    }
}

pub fn check(schema: &Json) -> Result<(), String> {
    let Json::Object(schema) = schema else {
        return Err(format!("a schema is an object, not {schema}"));
    };
    for (key, value) in schema {
        let fits = match key.as_str() {
            "bsonType" | "type" => one_or_many(value).iter().all(known_type),
            "required" => value.as_array().is_some_and(|names| names.iter().all(Json::is_string)),
            "enum" => value.is_array(),
            "minimum" | "maximum" => number(value).is_some(),
            "minLength" | "maxLength" | "minItems" | "maxItems" => value.as_u64().is_some(),
            "pattern" => value.as_str().is_some_and(|pattern| pattern_of(pattern, "").is_ok()),
            "uniqueItems" => value.is_boolean(),
            "validate" => return_checked(expression(Scope::Field, false, value))?,
            "properties" => {
                let properties = value.as_object().ok_or("properties is an object")?;
                return_checked(properties.values().try_for_each(check))?
            }
            "items" | "additionalProperties" => value.is_boolean() || return_checked(check(value))?,
            _ => true,
        };
        if !fits {
            return Err(format!("`{key}` cannot be {value}"));
        }
    }
    Ok(())
}

fn return_checked(result: Result<(), String>) -> Result<bool, String> {
    result.map(|()| true)
}

fn one_or_many(json: &Json) -> Vec<Json> {
    json.as_array().cloned().unwrap_or_else(|| vec![json.clone()])
}

fn number(json: &Json) -> Option<Number> {
    from_ejson(json).ok().as_ref().and_then(Number::of)
}

fn known_type(name: &Json) -> bool {
    name.as_str().is_some_and(|name| {
        matches!(name, "objectID" | "boolean" | "float" | "mixed" | "uuid" | "number" | "integer")
            || TYPES.iter().any(|(alias, _)| *alias == name)
    })
}

/// Validates a document. `world` contains the documents; this sets `%%this` and `%%prev`.
pub fn validate(world: &World, schema: &Json, before: Option<&Document>, after: &Document) -> Failures {
    let mut failures = Failures::default();
    let before = before.cloned().map(Bson::Document);
    visit(world, schema, "(root)", before.as_ref(), Some(&Bson::Document(after.clone())), &mut failures);
    failures
}

fn visit(world: &World, schema: &Json, path: &str, old: Option<&Bson>, new: Option<&Bson>, failures: &mut Failures) {
    if schema == &Json::Bool(false) {
        failures.unless(new.is_none(), path, "not allowed");
    }
    let Json::Object(schema) = schema else {
        return;
    };
    if let Some(condition) = schema.get("validate") {
        let world = World { this: new.cloned(), prev: old.cloned(), ..world.clone() };
        let truth = evaluate(&world, None, condition);
        failures.unless(truth.holds(), path, "validate does not hold");
        if let Truth::Error(text) = truth {
            failures.error.get_or_insert(text);
        }
    }
    if let Some(new) = new {
        rules(schema, path, new, failures);
    }
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let (old_fields, new_fields) = (old.and_then(Bson::as_document), new.and_then(Bson::as_document));
    let inner_path = |name: &str| if path == "(root)" { name.to_string() } else { format!("{path}.{name}") };
    for (name, inner) in properties {
        let old = old_fields.and_then(|fields| fields.get(name));
        let new = new_fields.and_then(|fields| fields.get(name));
        if old.is_some() || new.is_some() {
            visit(world, inner, &inner_path(name), old, new, failures);
        }
    }
    if let Some(additional) = schema.get("additionalProperties") {
        for (name, new) in new_fields.into_iter().flatten().filter(|(name, _)| !properties.contains_key(name.as_str()))
        {
            let old = old_fields.and_then(|fields| fields.get(name));
            visit(world, additional, &inner_path(name), old, Some(new), failures);
        }
    }
    if let Some(items) = schema.get("items") {
        let elements = |value: Option<&Bson>| value.and_then(Bson::as_array).cloned().unwrap_or_default();
        let (old, new) = (elements(old), elements(new));
        for at in 0..old.len().max(new.len()) {
            visit(world, items, &format!("{path}.{at}"), old.get(at), new.get(at), failures);
        }
    }
}

/// Checks the keywords that only concern the new value.
fn rules(schema: &Map<String, Json>, path: &str, new: &Bson, failures: &mut Failures) {
    for (key, wanted) in schema {
        let size = wanted.as_u64().and_then(|size| usize::try_from(size).ok());
        let letters = text(new).map(|text| text.chars().count());
        let compared = || Number::of(new).zip(number(wanted)).map(|(new, wanted)| new.compare(&wanted));
        let holds = match key.as_str() {
            "bsonType" | "type" => one_or_many(wanted).iter().any(|name| is_of_type(new, name)),
            "enum" => {
                wanted.as_array().into_iter().flatten().any(|one| from_ejson(one).is_ok_and(|one| equal(new, &one)))
            }
            "minimum" => compared().is_none_or(|order| order.is_some_and(std::cmp::Ordering::is_ge)),
            "maximum" => compared().is_none_or(|order| order.is_some_and(std::cmp::Ordering::is_le)),
            "minLength" => letters.is_none_or(|letters| Some(letters) >= size),
            "maxLength" => letters.is_none_or(|letters| Some(letters) <= size),
            "minItems" => new.as_array().is_none_or(|items| Some(items.len()) >= size),
            "maxItems" => new.as_array().is_none_or(|items| Some(items.len()) <= size),
            "uniqueItems" => new.as_array().is_none_or(|items| {
                wanted == &Json::Bool(false)
                    || !items.iter().enumerate().any(|(at, item)| items[..at].iter().any(|other| equal(item, other)))
            }),
            "pattern" => {
                let pattern = pattern_of(wanted.as_str().expect("checked before"), "").expect("checked before");
                text(new).is_none_or(|text| pattern.is_match(text))
            }
            "required" => {
                for name in wanted.as_array().into_iter().flatten().filter_map(Json::as_str) {
                    let present = new.as_document().is_none_or(|fields| fields.contains_key(name));
                    failures.unless(present, path, &format!("{name} is required"));
                }
                true
            }
            _ => true,
        };
        failures.unless(holds, path, &format!("{key} does not hold"));
    }
}

fn is_of_type(value: &Bson, name: &Json) -> bool {
    let own = type_name(Some(value));
    match name.as_str().expect("checked before") {
        "objectID" => own == "objectId",
        "boolean" => own == "bool",
        "float" => own == "double",
        "mixed" => true,
        "number" => Number::of(value).is_some(),
        "integer" => own == "int" || own == "long",
        "uuid" => matches!(value, Bson::Binary(binary) if binary.subtype == bson::spec::BinarySubtype::Uuid),
        name => own == name,
    }
}
