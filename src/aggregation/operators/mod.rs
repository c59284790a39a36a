//! Implementations of the expression operators, which receive the values of their operands.

pub(super) mod arithmetic;
pub(super) mod arrays;
pub(super) mod convert;
pub(super) mod dates;
pub(super) mod dates_math;
pub(super) mod objects;
pub(super) mod regexes;
pub(super) mod rounding;
pub(super) mod sets;
pub(super) mod strings;
pub(super) mod trigonometry;

use bson::Bson;

use super::failure::{Outcome, refusal, refused};
use super::number::Num;
use super::value::{Value, is_nullish, kind};
use crate::value::Steps;

/// The operand values of an operator.
pub(super) struct Args<'x> {
    pub(super) name: &'static str,
    pub(super) values: &'x [Value<'x>],
    /// For each parameter, whether the argument was given.
    pub(super) given: &'x [bool],
    pub(super) steps: &'x Steps,
}

impl Args<'_> {
    pub(super) fn get(&self, at: usize) -> Option<&Bson> {
        self.values.get(at)?.as_deref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&Bson>> {
        self.values.iter().map(|value| value.as_deref())
    }

    pub(super) fn is_given(&self, at: usize) -> bool {
        self.given.get(at).copied().unwrap_or(false)
    }

    pub(super) fn is_nullish(&self, at: usize) -> bool {
        is_nullish(self.get(at))
    }

    /// The number at this position; `None` if it is null or missing.
    pub(super) fn number(&self, at: usize, code: i32) -> Outcome<Option<Num>> {
        match self.get(at) {
            value if is_nullish(value) => Ok(None),
            other => match other.and_then(Num::of) {
                Some(number) => Ok(Some(number)),
                None => refused(code, format!("{} only supports numeric types, not {}", self.name, kind(other))),
            },
        }
    }

    /// The integer at this position, which must fit 32 bits.
    pub(super) fn small(&self, at: usize, code: i32) -> Outcome<i32> {
        let number = self.get(at).and_then(Num::of).and_then(Num::integer);
        number.and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
            refusal(code, format!("{} takes a 32-bit integer, not a value of type {}", self.name, kind(self.get(at))))
        })
    }

    /// The array at this position; `None` if it is null or missing.
    pub(super) fn array(&self, at: usize, code: i32) -> Outcome<Option<&[Bson]>> {
        match self.get(at) {
            value if is_nullish(value) => Ok(None),
            Some(Bson::Array(elements)) => Ok(Some(elements)),
            other => refused(code, format!("{} takes an array, not a value of type {}", self.name, kind(other))),
        }
    }

    /// The string at this position; `None` if it is null or missing.
    pub(super) fn text(&self, at: usize, code: i32) -> Outcome<Option<&str>> {
        match self.get(at) {
            value if is_nullish(value) => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text)),
            other => refused(code, format!("{} takes a string, not a value of type {}", self.name, kind(other))),
        }
    }
}

/// The result null.
pub(super) fn null() -> Outcome<Option<Bson>> {
    Ok(Some(Bson::Null))
}

pub(super) fn some(value: impl Into<Bson>) -> Outcome<Option<Bson>> {
    Ok(Some(value.into()))
}
