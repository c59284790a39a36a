//! `$jsonSchema`: MongoDB's dialect of JSON Schema draft 4, with `bsonType`.

use bson::{Bson, Document};

use super::{At, MAX_DEPTH};
use crate::aggregation::{FAILED_TO_PARSE, FindError};
use crate::expr::Pattern;
use crate::value::{ArrayRef, DocumentRef, Malformed, Number, Steps, Type, TypeSet, ValueRef, equal_in_steps};

/// A compiled schema. Keywords that concern a type other than the value's have no effect.
#[derive(Debug, Default)]
pub(crate) struct JsonSchema {
    keywords: Vec<Keyword>,
    properties: Vec<(String, JsonSchema)>,
    patterns: Vec<(Pattern, JsonSchema)>,
}

#[derive(Debug)]
enum Keyword {
    Type(TypeSet),
    Enum(Vec<Bson>),
    Least(Bson, bool),
    Greatest(Bson, bool),
    Multiple(Bson),
    Length(i64, i64),
    Pattern(Pattern),
    Items(i64, i64),
    Unique,
    Each(JsonSchema),
    /// Schemas by index, and the constraint on further elements.
    Places(Vec<JsonSchema>, Option<Rest>),
    Fields(i64, i64),
    Required(Vec<String>),
    Others(Rest),
    Needs(String, Vec<String>),
    Implies(String, JsonSchema),
    All(Vec<JsonSchema>),
    Any(Vec<JsonSchema>),
    One(Vec<JsonSchema>),
    Not(JsonSchema),
}

#[derive(Debug)]
enum Rest {
    None,
    Each(JsonSchema),
}

fn refused<T>(message: String) -> Result<T, FindError> {
    Err(FindError::refused(FAILED_TO_PARSE, message))
}

const NAMES: [&str; 30] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "bsonType",
    "dependencies",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "required",
    "title",
    "type",
    "uniqueItems",
    "encrypt",
];

impl JsonSchema {
    pub(crate) fn parse(schema: &Bson, at: At<'_>) -> Result<Self, FindError> {
        if at.depth > MAX_DEPTH {
            return refused(format!("a schema is nested deeper than {MAX_DEPTH} levels"));
        }
        let Bson::Document(schema) = schema else { return refused("a schema is an object".to_owned()) };
        if let Some(name) = schema.keys().find(|name| !NAMES.contains(&name.as_str()) || *name == "encrypt") {
            return refused(format!("unknown keyword `{name}` of `$jsonSchema`"));
        }
        if schema.contains_key("type") && schema.contains_key("bsonType") {
            return refused("`type` and `bsonType` cannot be combined".to_owned());
        }
        let at = at.deeper();
        let mut parsed = Self::default();
        for (name, value) in schema {
            if let Some(keyword) = parsed.keyword(name, value, schema, at)? {
                parsed.keywords.push(keyword);
            }
        }
        Ok(parsed)
    }

    fn keyword(&mut self, name: &str, value: &Bson, all: &Document, at: At<'_>) -> Result<Option<Keyword>, FindError> {
        let list = || match value {
            Bson::Array(list) if !list.is_empty() => list.iter().map(|one| Self::parse(one, at)).collect(),
            _ => refused(format!("`{name}` takes an array of schemas")),
        };
        let count = || natural(name, value);
        let flag = |name: &str| match all.get(name) {
            None => Ok(false),
            Some(Bson::Boolean(flag)) => Ok(*flag),
            Some(_) => refused(format!("`{name}` takes a boolean")),
        };
        let number = || match ValueRef::from(value).number() {
            Some(_) => Ok(value.clone()),
            None => refused(format!("`{name}` takes a number")),
        };
        let rest = || match value {
            Bson::Boolean(true) => Ok(None),
            Bson::Boolean(false) => Ok(Some(Rest::None)),
            value => Self::parse(value, at).map(|schema| Some(Rest::Each(schema))),
        };
        let object = || value.as_document().map_or_else(|| refused(format!("`{name}` takes an object")), Ok);
        Ok(Some(match name {
            "type" | "bsonType" => Keyword::Type(types(name, value)?),
            "enum" => match value {
                Bson::Array(list) if !list.is_empty() => Keyword::Enum(list.clone()),
                _ => return refused("`enum` takes an array of values".to_owned()),
            },
            "minimum" => Keyword::Least(number()?, flag("exclusiveMinimum")?),
            "maximum" => Keyword::Greatest(number()?, flag("exclusiveMaximum")?),
            "exclusiveMinimum" | "exclusiveMaximum" => {
                flag(name)?;
                if !all.contains_key(if name == "exclusiveMinimum" { "minimum" } else { "maximum" }) {
                    return refused(format!("`{name}` requires the bound that it excludes"));
                }
                return Ok(None);
            }
            "multipleOf" => match ValueRef::from(value).number() {
                Some(Number::Decimal(_)) => return Err(FindError::unsupported("`multipleOf` with a decimal128")),
                Some(number) if number.order(Number::Integer(0)).is_some_and(std::cmp::Ordering::is_gt) => {
                    Keyword::Multiple(value.clone())
                }
                _ => return refused("`multipleOf` takes a number above 0".to_owned()),
            },
            "minLength" => Keyword::Length(count()?, i64::MAX),
            "maxLength" => Keyword::Length(0, count()?),
            "pattern" => match value {
                Bson::String(pattern) => {
                    Keyword::Pattern(at.patterns.compile(pattern, "").map_err(|error| of_pattern(&error))?)
                }
                _ => return refused("`pattern` takes a string".to_owned()),
            },
            "minItems" => Keyword::Items(count()?, i64::MAX),
            "maxItems" => Keyword::Items(0, count()?),
            "uniqueItems" => {
                if !flag(name)? {
                    return Ok(None);
                }
                Keyword::Unique
            }
            "items" => match value {
                Bson::Array(list) => {
                    let schemas = list.iter().map(|one| Self::parse(one, at)).collect::<Result<_, _>>()?;
                    let behind = match all.get("additionalItems") {
                        None | Some(Bson::Boolean(true)) => None,
                        Some(Bson::Boolean(false)) => Some(Rest::None),
                        Some(schema) => Some(Rest::Each(Self::parse(schema, at)?)),
                    };
                    Keyword::Places(schemas, behind)
                }
                value => Keyword::Each(Self::parse(value, at)?),
            },
            "additionalItems" => {
                rest()?;
                return Ok(None);
            }
            "minProperties" => Keyword::Fields(count()?, i64::MAX),
            "maxProperties" => Keyword::Fields(0, count()?),
            "required" => Keyword::Required(texts(name, value)?),
            "properties" => {
                for (name, schema) in object()? {
                    self.properties.push((name.clone(), Self::parse(schema, at)?));
                }
                return Ok(None);
            }
            "patternProperties" => {
                for (pattern, schema) in object()? {
                    let pattern = at.patterns.compile(pattern, "").map_err(|error| of_pattern(&error))?;
                    self.patterns.push((pattern, Self::parse(schema, at)?));
                }
                return Ok(None);
            }
            "additionalProperties" => match rest()? {
                Some(rest) => Keyword::Others(rest),
                None => return Ok(None),
            },
            "dependencies" => {
                let mut all = Vec::new();
                for (name, needed) in object()? {
                    let keyword = match needed {
                        Bson::Array(_) => Keyword::Needs(name.clone(), texts("dependencies", needed)?),
                        schema => Keyword::Implies(name.clone(), Self::parse(schema, at)?),
                    };
                    all.push(Self { keywords: vec![keyword], ..Self::default() });
                }
                Keyword::All(all)
            }
            "allOf" => Keyword::All(list()?),
            "anyOf" => Keyword::Any(list()?),
            "oneOf" => Keyword::One(list()?),
            "not" => Keyword::Not(Self::parse(value, at)?),
            _ => match value {
                Bson::String(_) => return Ok(None),
                _ => return refused(format!("`{name}` takes a string")),
            },
        }))
    }

    /// The number of its parts.
    pub(crate) fn parts(&self) -> usize {
        let inner =
            self.properties.iter().map(|(_, schema)| schema).chain(self.patterns.iter().map(|(_, schema)| schema));
        1 + self.keywords.len() + inner.map(Self::parts).sum::<usize>()
    }

    pub(crate) fn allows(&self, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        steps.take(4)?;
        for keyword in &self.keywords {
            steps.take(1)?;
            if !self.keeps(keyword, value, steps)? {
                return Ok(false);
            }
        }
        let ValueRef::Document(document) = value else { return Ok(true) };
        for (name, schema) in &self.properties {
            if let Some(field) = steps.get(document, name)?
                && !schema.allows(field, steps)?
            {
                return Ok(false);
            }
        }
        if self.patterns.is_empty() {
            return Ok(true);
        }
        for field in document.iter() {
            let (name, field) = field?;
            for (pattern, schema) in &self.patterns {
                steps.take(1 + pattern.steps(name.len()))?;
                if pattern.is_match(name) && !schema.allows(field, steps)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn keeps(&self, keyword: &Keyword, value: ValueRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
        Ok(match (keyword, value) {
            (Keyword::Type(types), value) => types.contains(value.kind()),
            (Keyword::Enum(list), value) => {
                for one in list {
                    if equal_in_steps(value, one.into(), steps)? {
                        return Ok(true);
                    }
                }
                false
            }
            (Keyword::Least(least, exclusive), value) => match (value.number(), ValueRef::from(least).number()) {
                (Some(number), Some(least)) => {
                    number.order(least).is_some_and(|order| if *exclusive { order.is_gt() } else { order.is_ge() })
                }
                _ => true,
            },
            (Keyword::Greatest(most, exclusive), value) => match (value.number(), ValueRef::from(most).number()) {
                (Some(number), Some(most)) => {
                    number.order(most).is_some_and(|order| if *exclusive { order.is_lt() } else { order.is_le() })
                }
                _ => true,
            },
            (Keyword::Multiple(of), value) => match (value.number(), ValueRef::from(of).number()) {
                (Some(Number::Integer(number)), Some(Number::Integer(of))) => number.wrapping_rem(of) == 0,
                (Some(number), Some(of)) => double(number) % double(of) == 0.0,
                _ => true,
            },
            (Keyword::Length(least, most), ValueRef::String(text)) => {
                steps.take_bytes(text.len())?;
                within(text.chars().count(), *least, *most)
            }
            (Keyword::Pattern(pattern), ValueRef::String(text)) => {
                steps.take(1 + pattern.steps(text.len()))?;
                pattern.is_match(text)
            }
            (Keyword::Items(least, most), ValueRef::Array(array)) => {
                within(elements(array, steps)?.len(), *least, *most)
            }
            (Keyword::Unique, ValueRef::Array(array)) => are_unique(array, steps)?,
            (Keyword::Each(schema), ValueRef::Array(array)) => {
                for element in elements(array, steps)? {
                    if !schema.allows(element, steps)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Places(schemas, rest), ValueRef::Array(array)) => {
                for (at, element) in elements(array, steps)?.into_iter().enumerate() {
                    let allowed = match (schemas.get(at), rest) {
                        (Some(schema), _) | (None, Some(Rest::Each(schema))) => schema.allows(element, steps)?,
                        (None, Some(Rest::None)) => false,
                        (None, None) => true,
                    };
                    if !allowed {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Fields(least, most), ValueRef::Document(document)) => {
                within(fields(document, steps)?.len(), *least, *most)
            }
            (Keyword::Required(names), ValueRef::Document(document)) => has_all(document, names, steps)?,
            (Keyword::Others(rest), ValueRef::Document(document)) => {
                for (name, field) in fields(document, steps)? {
                    steps.take(self.properties.len())?;
                    let mut is_known = self.properties.iter().any(|(known, _)| known == name);
                    for (pattern, _) in &self.patterns {
                        steps.take(1 + pattern.steps(name.len()))?;
                        is_known |= pattern.is_match(name);
                    }
                    let allowed = match rest {
                        _ if is_known => true,
                        Rest::None => false,
                        Rest::Each(schema) => schema.allows(field, steps)?,
                    };
                    if !allowed {
                        return Ok(false);
                    }
                }
                true
            }
            (Keyword::Needs(name, needed), ValueRef::Document(document)) => {
                steps.get(document, name)?.is_none() || has_all(document, needed, steps)?
            }
            (Keyword::Implies(name, schema), ValueRef::Document(document)) => {
                steps.get(document, name)?.is_none() || schema.allows(value, steps)?
            }
            (Keyword::All(schemas), value) => count(schemas, value, steps)? == schemas.len(),
            (Keyword::Any(schemas), value) => count(schemas, value, steps)? > 0,
            (Keyword::One(schemas), value) => count(schemas, value, steps)? == 1,
            (Keyword::Not(schema), value) => !schema.allows(value, steps)?,
            _ => true,
        })
    }
}

fn count(schemas: &[JsonSchema], value: ValueRef<'_>, steps: &Steps) -> Result<usize, Malformed> {
    schemas.iter().try_fold(0, |count, schema| Ok(count + usize::from(schema.allows(value, steps)?)))
}

fn within(count: usize, least: i64, most: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| (least..=most).contains(&count))
}

fn elements<'a>(array: ArrayRef<'a>, steps: &Steps) -> Result<Vec<ValueRef<'a>>, Malformed> {
    let elements: Vec<_> = array.iter().collect::<Result<_, _>>()?;
    steps.take(elements.len())?;
    Ok(elements)
}

fn fields<'a>(document: DocumentRef<'a>, steps: &Steps) -> Result<Vec<(&'a str, ValueRef<'a>)>, Malformed> {
    let fields: Vec<_> = document.iter().collect::<Result<_, _>>()?;
    steps.take(fields.len())?;
    Ok(fields)
}

fn has_all(document: DocumentRef<'_>, names: &[String], steps: &Steps) -> Result<bool, Malformed> {
    for name in names {
        steps.take(1)?;
        if steps.get(document, name)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn are_unique(array: ArrayRef<'_>, steps: &Steps) -> Result<bool, Malformed> {
    let elements = elements(array, steps)?;
    for (at, element) in elements.iter().enumerate() {
        for other in elements.iter().take(at) {
            steps.take(1)?;
            if equal_in_steps(*element, *other, steps)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn double(number: Number) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "MongoDB rounds to the nearest double as well")]
    match number {
        Number::Integer(number) => number as f64,
        Number::Double(number) => number,
        Number::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
    }
}

fn of_pattern(error: &crate::expr::PatternError) -> FindError {
    FindError::unsupported(format!("this pattern ({error})"))
}

fn natural(name: &str, value: &Bson) -> Result<i64, FindError> {
    let number = ValueRef::from(value).number().and_then(Number::integer).filter(|number| *number >= 0);
    number.map_or_else(|| refused(format!("`{name}` takes a whole number that is not negative")), Ok)
}

fn texts(name: &str, value: &Bson) -> Result<Vec<String>, FindError> {
    let wrong = || refused(format!("`{name}` takes an array of distinct names"));
    let Bson::Array(list) = value else { return wrong() };
    let names: Option<Vec<String>> = list.iter().map(|one| one.as_str().map(str::to_owned)).collect();
    match names {
        Some(names)
            if !names.is_empty() && names.iter().collect::<std::collections::HashSet<_>>().len() == names.len() =>
        {
            Ok(names)
        }
        _ => wrong(),
    }
}

fn types(name: &str, value: &Bson) -> Result<TypeSet, FindError> {
    let list = match value {
        Bson::Array(list) if !list.is_empty() => list.as_slice(),
        Bson::String(_) => std::slice::from_ref(value),
        _ => return refused(format!("`{name}` takes names of types")),
    };
    list.iter().try_fold(TypeSet::NONE, |types, one| {
        let alias = one.as_str().unwrap_or_default();
        let found = match (name, alias) {
            (_, "number") => return Ok(types.union(TypeSet::NUMBER)),
            ("type", "boolean") => Some(Type::Bool),
            ("type", "object" | "array" | "string" | "null") | ("bsonType", _) => Type::from_alias(alias),
            _ => None,
        };
        found.map_or_else(|| refused(format!("`{name}` names an unknown type")), |kind| Ok(types.with(kind)))
    })
}
