//! Conditions that clients' filters may contain, but rules may not: `$expr`, `$jsonSchema`, bit tests, and comparisons
//! of values that have no order in the rule language.

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

/// The nesting depth of the condition that is being compiled, and the pattern allowance.
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
