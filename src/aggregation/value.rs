//! Values of expressions. `None` is a missing value.

use std::borrow::Cow;
use std::cmp::Ordering;

use bson::{Bson, Document};

use super::failure::Outcome;
use crate::value::{Malformed, Steps, ValueRef, sort_order};

/// The value of an expression: borrowed from the document or the expression, or computed.
pub(super) type Value<'a> = Option<Cow<'a, Bson>>;

/// The steps for each value that is created or copied, which accounts for its memory.
const STEPS_PER_VALUE: usize = 8;

/// The number of bytes that count as one step.
const BYTES_PER_STEP: usize = 32;

pub(super) fn made<'a>(value: impl Into<Bson>) -> Value<'a> {
    Some(Cow::Owned(value.into()))
}

/// Whether a value is null, undefined or missing.
pub(super) fn is_nullish(value: Option<&Bson>) -> bool {
    matches!(value, None | Some(Bson::Null | Bson::Undefined))
}

/// Whether a value is truthy in expressions.
pub(super) fn is_true(value: Option<&Bson>) -> bool {
    match value {
        None | Some(Bson::Null | Bson::Undefined | Bson::Boolean(false)) => false,
        Some(Bson::Int32(number)) => *number != 0,
        Some(Bson::Int64(number)) => *number != 0,
        Some(Bson::Double(number)) => *number != 0.0,
        Some(decimal @ Bson::Decimal128(_)) => {
            ValueRef::from(decimal).number().and_then(crate::value::Number::integer) != Some(0)
        }
        Some(_) => true,
    }
}

/// MongoDB's name for the type of a value, or `missing`.
pub(super) fn kind(value: Option<&Bson>) -> &'static str {
    value.map_or("missing", |value| ValueRef::from(value).kind().alias())
}

/// The total order of values in expressions. Missing equals undefined and sorts before null.
pub(super) fn compare(a: Option<&Bson>, b: Option<&Bson>) -> Result<Ordering, Malformed> {
    let absent = |value: Option<&Bson>| matches!(value, None | Some(Bson::Undefined));
    match (absent(a), absent(b)) {
        (true, true) => Ok(Ordering::Equal),
        (true, false) => Ok(if b == Some(&Bson::MinKey) { Ordering::Greater } else { Ordering::Less }),
        (false, true) => compare(b, a).map(Ordering::reverse),
        (false, false) => sort_order(a.map(ValueRef::from), b.map(ValueRef::from)),
    }
}

pub(super) fn equal(a: &Bson, b: &Bson) -> Result<bool, Malformed> {
    Ok(compare(Some(a), Some(b))? == Ordering::Equal)
}

/// The steps for copying a value or for comparing another one with it.
pub(super) fn weight(value: &Bson) -> usize {
    STEPS_PER_VALUE
        + match value {
            Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.len() / BYTES_PER_STEP,
            Bson::Binary(binary) => binary.bytes.len() / BYTES_PER_STEP,
            Bson::Array(elements) => elements.iter().map(weight).sum(),
            Bson::Document(fields) => weight_of(fields),
            Bson::RegularExpression(regex) => regex.pattern.as_str().len() / BYTES_PER_STEP,
            Bson::JavaScriptCodeWithScope(code) => code.code.len() / BYTES_PER_STEP + weight_of(&code.scope),
            _ => 0,
        }
}

fn weight_of(fields: &Document) -> usize {
    fields.iter().map(|(name, value)| name.len() / BYTES_PER_STEP + weight(value)).sum()
}

/// Copies a value, taking steps for it.
pub(super) fn copy(value: &Bson, steps: &Steps) -> Outcome<Bson> {
    steps.take(weight(value))?;
    Ok(value.clone())
}

/// The owned value, taking steps if it has to be copied.
pub(super) fn owned(value: Cow<'_, Bson>, steps: &Steps) -> Outcome<Bson> {
    match value {
        Cow::Owned(value) => {
            steps.take(1)?;
            Ok(value)
        }
        Cow::Borrowed(value) => copy(value, steps),
    }
}

/// Takes the steps for creating or searching a string of this length.
pub(super) fn take_text(length: usize, steps: &Steps) -> Outcome<()> {
    Ok(steps.take(1 + length / BYTES_PER_STEP)?)
}

/// The nesting depth of a value.
pub(super) fn depth(value: &Bson) -> usize {
    match value {
        Bson::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Bson::Document(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
