//! Query operators on fields.

use bson::{Bson, Document};

use super::FindError;
use super::error::refusal;
use super::filter::{Inside, conditions, is_element_condition};
use crate::aggregation::{BAD_VALUE, FAILED_TO_PARSE};
use crate::expr::{Comparison, Pattern};
use crate::path::FieldPath;
use crate::predicate::{Elements, Left, List, Predicate, Right, Test, TestKind};
use crate::question::{At, Bits, ClientTest, MAX_DEPTH, Question};
use crate::text::{OneLine, Span, excerpt};
use crate::value::{Type, TypeSet, ValueRef, order};

/// The left operand of conditions.
pub(super) struct Subject {
    pub(super) left: Left,
}

impl Subject {
    fn test(&self, check: TestKind) -> Predicate {
        Predicate::Test(Box::new(Test::new(self.left.clone(), check, "", Span::default())))
    }

    fn equals(&self, value: &Bson) -> Predicate {
        self.test(TestKind::Equals(Right::Literal(value.clone())))
    }
}

fn not(inner: Predicate) -> Predicate {
    Predicate::Not(Box::new(inner))
}

/// Describes an operand of a request for an error message: a number or string by its value, anything else by its type.
pub(crate) fn described(operand: &Bson) -> String {
    match operand {
        Bson::String(text) => format!("`{}`", OneLine(excerpt(text, MAX_SHOWN))),
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Boolean(_) => operand.to_string(),
        _ => format!("a value of type {}", ValueRef::from(operand).kind().alias()),
    }
}

/// The number of characters to which strings are truncated in messages.
const MAX_SHOWN: usize = 80;

fn takes(operator: &str, what: &str, found: &Bson) -> FindError {
    FindError::refused(BAD_VALUE, format!("`{operator}` takes {what}, not {}", described(found)))
}

/// Whether the value of a field is a document of operators. This depends on the first key; a DBRef is not one.
pub(super) fn is_operators(document: &Document) -> bool {
    let is_text = |name| document.get(name).is_none_or(|value| value.as_str().is_some());
    let is_reference =
        document.contains_key("$ref") && document.contains_key("$id") && is_text("$ref") && is_text("$db");
    document.keys().next().is_some_and(|first| first.starts_with('$')) && !is_reference
}

/// MongoDB's operators in conditions on a field, supported or not.
pub const FIELD_OPERATORS: [&str; 32] = [
    "$all",
    "$bitsAllClear",
    "$bitsAllSet",
    "$bitsAnyClear",
    "$bitsAnySet",
    "$elemMatch",
    "$eq",
    "$exists",
    "$geoIntersects",
    "$geoNear",
    "$geoWithin",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$maxDistance",
    "$minDistance",
    "$mod",
    "$ne",
    "$near",
    "$nearSphere",
    "$nin",
    "$not",
    "$options",
    "$regex",
    "$size",
    "$type",
    "$uniqueDocs",
    "$within",
    "$center",
    "$box",
];

/// Whether the first key of a document is a known operator.
fn has_operator(document: &Document) -> bool {
    document.keys().next().is_some_and(|first| FIELD_OPERATORS.contains(&first.as_str()))
}

/// Compiles the condition on a field.
pub(super) fn condition(subject: &Subject, value: &Bson, at: At<'_>) -> Result<Predicate, FindError> {
    match value {
        Bson::RegularExpression(regex) => pattern(regex.pattern.as_str(), regex.options.as_str(), at)
            .map(|pattern| subject.test(TestKind::Regex(pattern))),
        Bson::Document(document) if is_operators(document) => operators(subject, document, at),
        Bson::Undefined => Err(FindError::refused(BAD_VALUE, "values cannot be compared with `undefined`")),
        value => Ok(subject.equals(value)),
    }
}

fn operators(subject: &Subject, document: &Document, at: At<'_>) -> Result<Predicate, FindError> {
    if at.depth > MAX_DEPTH {
        return Err(FindError::refused(BAD_VALUE, format!("conditions are nested deeper than {MAX_DEPTH} levels")));
    }
    document
        .iter()
        .map(|(name, value)| operator(subject, name, value, document, at))
        .collect::<Result<_, _>>()
        .map(Predicate::All)
}

fn operator(subject: &Subject, name: &str, value: &Bson, all: &Document, at: At<'_>) -> Result<Predicate, FindError> {
    let check = match name {
        "$eq" | "$ne" if *value == Bson::Undefined => {
            return Err(FindError::refused(BAD_VALUE, "values cannot be compared with `undefined`"));
        }
        "$eq" => return Ok(subject.equals(value)),
        "$ne" if matches!(value, Bson::RegularExpression(_)) => {
            return Err(takes(name, "a value that is not a pattern (use `$not`)", value));
        }
        "$ne" => return Ok(not(subject.equals(value))),
        "$gt" => return ordered(subject, name, Comparison::Gt, value),
        "$gte" => return ordered(subject, name, Comparison::Gte, value),
        "$lt" => return ordered(subject, name, Comparison::Lt, value),
        "$lte" => return ordered(subject, name, Comparison::Lte, value),
        "$in" => return one_of(subject, name, value, at),
        "$nin" => return one_of(subject, name, value, at).map(not),
        "$all" => return every(subject, value, at),
        "$exists" if is_true(value) => TestKind::Exists,
        "$exists" => return Ok(not(subject.test(TestKind::Exists))),
        "$size" => TestKind::Size(
            integer(value)
                .filter(|size| *size >= 0)
                .ok_or_else(|| takes(name, "an integer that is not negative", value))?,
        ),
        "$type" => TestKind::Type(types(value)?),
        "$mod" => modulo(value)?,
        "$regex" => regex(value, all, at)?,
        "$options" if all.contains_key("$regex") => return Ok(Predicate::Constant(true)),
        "$options" => return Err(FindError::refused(BAD_VALUE, "`$options` needs a `$regex`")),
        "$not" => return negated(subject, value, at),
        "$elemMatch" => elem_match(value, at)?,
        name => match (Bits::parse(name, value), refusal(name)) {
            (Some(bits), _) => TestKind::Client(ClientTest::new(Question::Bits(bits?))),
            (None, Some(refusal)) => return Err(refusal),
            (None, None) => return Err(FindError::refused(BAD_VALUE, format!("there is no operator `{name}`"))),
        },
    };
    Ok(subject.test(check))
}

fn ordered(subject: &Subject, name: &str, comparison: Comparison, value: &Bson) -> Result<Predicate, FindError> {
    let reference = ValueRef::from(value);
    let check = match value {
        Bson::RegularExpression(_) | Bson::Undefined => return Err(takes(name, "a value that can be ordered", value)),
        // Only null and Missing can be compared with null. They are equal to it.
        Bson::Null if matches!(comparison, Comparison::Gt | Comparison::Lt) => return Ok(Predicate::Constant(false)),
        Bson::Null => return Ok(subject.equals(value)),
        _ if order(reference, reference).is_some() => TestKind::Order(comparison, Right::Literal(value.clone())),
        _ => TestKind::Client(ClientTest::new(Question::Order(comparison, value.clone()))),
    };
    Ok(subject.test(check))
}

/// Compiles `$in`, where regular expressions in the list are patterns.
fn one_of(subject: &Subject, name: &str, value: &Bson, at: At<'_>) -> Result<Predicate, FindError> {
    let Bson::Array(list) = value else { return Err(takes(name, "an array", value)) };
    let mut values = Vec::new();
    let mut parts = Vec::new();
    for element in list {
        match element {
            Bson::Document(document) if is_operators(document) => {
                return Err(takes(name, "values rather than operators", element));
            }
            Bson::Undefined => return Err(takes(name, "values that can be compared", element)),
            Bson::RegularExpression(_) => parts.push(condition(subject, element, at)?),
            element => values.push(Right::Literal(element.clone())),
        }
    }
    let values = subject.test(TestKind::In(List::Elements(values)));
    if parts.is_empty() {
        return Ok(values);
    }
    parts.push(values);
    Ok(Predicate::Any(parts))
}

fn every(subject: &Subject, value: &Bson, at: At<'_>) -> Result<Predicate, FindError> {
    let Bson::Array(list) = value else { return Err(takes("$all", "an array", value)) };
    if list.is_empty() {
        return Ok(Predicate::Constant(false));
    }
    let asks = |value: &Bson| {
        value.as_document().is_some_and(|document| document.keys().next().is_some_and(|first| first == "$elemMatch"))
    };
    let first_asks = list.first().is_some_and(asks);
    let part = |element: &Bson| match element {
        Bson::Document(document) if first_asks => match document.get("$elemMatch") {
            Some(inner) if document.len() == 1 => Ok(subject.test(elem_match(inner, at.deeper())?)),
            _ => Err(takes("$all", "either only `$elemMatch` or only values", element)),
        },
        element if first_asks => Err(takes("$all", "either only `$elemMatch` or only values", element)),
        Bson::Document(document) if has_operator(document) => {
            Err(takes("$all", "values rather than operators", element))
        }
        Bson::Document(_) => Ok(subject.equals(element)),
        element => condition(subject, element, at),
    };
    let is_value = |element: &&Bson| match element {
        Bson::Document(document) => !has_operator(document),
        Bson::RegularExpression(_) | Bson::Undefined => false,
        _ => true,
    };
    // For many values, one test is better, since it walks the array only once.
    if list.len() > ONE_BY_ONE && list.iter().all(|element| is_value(&element)) {
        return Ok(subject.test(TestKind::All(list.iter().cloned().map(Right::Literal).collect())));
    }
    list.iter().map(part).collect::<Result<_, _>>().map(Predicate::All)
}

/// The length of a list up to which `$all` is compiled to one test per value, from which the position of a match can be
/// derived.
const ONE_BY_ONE: usize = 8;

/// Whether MongoDB takes a value for true.
fn is_true(value: &Bson) -> bool {
    match value {
        Bson::Boolean(value) => *value,
        Bson::Null | Bson::Undefined => false,
        value => match ValueRef::from(value).number() {
            Some(number) => number.integer() != Some(0),
            None => true,
        },
    }
}

fn integer(value: &Bson) -> Option<i64> {
    ValueRef::from(value).number()?.integer()
}

fn types(value: &Bson) -> Result<TypeSet, FindError> {
    let found: &[Bson] = match value {
        Bson::Array(list) if list.is_empty() => {
            return Err(FindError::refused(FAILED_TO_PARSE, "`$type` takes at least one type"));
        }
        Bson::Array(list) => list,
        value => std::slice::from_ref(value),
    };
    found.iter().try_fold(TypeSet::default(), |set, value| {
        let kind = match value {
            Bson::String(alias) if alias == "number" => return Ok(set.union(TypeSet::NUMBER)),
            Bson::String(alias) => Type::from_alias(alias),
            value => integer(value).and_then(Type::from_number),
        };
        kind.map(|kind| set.with(kind)).ok_or_else(|| takes("$type", "names or numbers of BSON types", value))
    })
}

fn modulo(value: &Bson) -> Result<TestKind, FindError> {
    let refused = || takes("$mod", "an array of two numbers, a divisor that is not 0 and a remainder", value);
    let Bson::Array(parts) = value else { return Err(refused()) };
    let numbers: Option<Vec<i64>> = parts.iter().map(|part| ValueRef::from(part).number()?.truncate()).collect();
    match numbers.as_deref() {
        Some([divisor, remainder]) if *divisor != 0 => Ok(TestKind::Mod { divisor: *divisor, remainder: *remainder }),
        _ => Err(refused()),
    }
}

fn regex(value: &Bson, all: &Document, at: At<'_>) -> Result<TestKind, FindError> {
    let options = match all.get("$options") {
        None => None,
        Some(Bson::String(options)) => Some(options.as_str()),
        Some(other) => return Err(takes("$options", "a string", other)),
    };
    let pattern = match value {
        Bson::String(text) => pattern(text, options.unwrap_or_default(), at)?,
        Bson::RegularExpression(regex) => match (regex.options.as_str(), options) {
            ("", options) => pattern(regex.pattern.as_str(), options.unwrap_or_default(), at)?,
            (own, None) => pattern(regex.pattern.as_str(), own, at)?,
            _ => return Err(FindError::refused(51074, "the options of `$regex` are given twice")),
        },
        value => return Err(takes("$regex", "a pattern", value)),
    };
    Ok(TestKind::Regex(pattern))
}

fn pattern(text: &str, options: &str, at: At<'_>) -> Result<Pattern, FindError> {
    at.patterns.compile(text, options).map_err(|error| FindError::unsupported(format!("this pattern ({error})")))
}

fn negated(subject: &Subject, value: &Bson, at: At<'_>) -> Result<Predicate, FindError> {
    match value {
        Bson::RegularExpression(_) => condition(subject, value, at).map(not),
        Bson::Document(document) if document.is_empty() => {
            Err(FindError::refused(BAD_VALUE, "`$not` takes at least one operator"))
        }
        Bson::Document(document) => operators(subject, document, at.deeper()).map(not),
        value => Err(takes("$not", "operators or a pattern", value)),
    }
}

fn elem_match(value: &Bson, at: At<'_>) -> Result<TestKind, FindError> {
    let Bson::Document(document) = value else { return Err(takes("$elemMatch", "a document", value)) };
    if is_element_condition(document) {
        let element = Subject { left: Left::Element(FieldPath::root()) };
        return Ok(TestKind::ElemMatch(Elements::All, Box::new(operators(&element, document, at.deeper())?)));
    }
    Ok(TestKind::ElemMatch(Elements::Containers, Box::new(conditions(document, Inside::Element, at.deeper())?)))
}
