//! `$jsonSchema`: MongoDB's dialect of JSON Schema draft 4, with `bsonType`.

use bson::{Bson, Document};

use super::{At, MAX_DEPTH};
use crate::aggregation::{FAILED_TO_PARSE, FindError};
use crate::expr::Pattern;
use crate::value::{Number, Type, TypeSet, ValueRef};

/// A compiled schema. Keywords have an effect only on values of the types that they concern.
#[derive(Debug, Default)]
pub(crate) struct JsonSchema {
    pub(super) keywords: Vec<Keyword>,
    pub(super) properties: Vec<(String, JsonSchema)>,
    pub(super) patterns: Vec<(Pattern, JsonSchema)>,
}

#[derive(Debug)]
pub(super) enum Keyword {
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
    /// `items` as an array: a schema for each position, and the constraint on further elements.
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
pub(super) enum Rest {
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

    /// The size of the schema: the number of keywords, including those in the schemas of properties.
    pub(crate) fn parts(&self) -> usize {
        let inner =
            self.properties.iter().map(|(_, schema)| schema).chain(self.patterns.iter().map(|(_, schema)| schema));
        1 + self.keywords.len() + inner.map(Self::parts).sum::<usize>()
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
