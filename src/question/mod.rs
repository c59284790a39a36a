//! Conditions that are possible in a client's filter but not in rules: `$expr`, `$jsonSchema`, bit tests, and
//! comparisons of values that the rule language does not order.

mod bits;
mod json_schema;
mod json_schema_check;
mod test;

pub(crate) use bits::Bits;
pub(crate) use json_schema::JsonSchema;
pub use test::ClientTest;
pub(crate) use test::Question;

use crate::expr::PatternAllowance;

/// The maximum nesting depth of conditions, as in MongoDB.
pub(crate) const MAX_DEPTH: usize = 100;

/// The nesting depth of a condition, and its pattern allowance.
#[derive(Clone, Copy)]
pub(crate) struct At<'p> {
    pub(crate) depth: usize,
    pub(crate) patterns: &'p PatternAllowance,
}

impl At<'_> {
    pub(crate) const fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}
