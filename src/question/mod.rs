//! What the filter of a client asks that no rule can ask: `$expr`, `$jsonSchema`, bits, and the order of values that rules do not
//! compare.

mod bits;
mod json_schema;
mod test;

pub(crate) use bits::Bits;
pub(crate) use json_schema::JsonSchema;
pub use test::ClientTest;
pub(crate) use test::Question;

use crate::expr::PatternAllowance;

/// How deep conditions may be nested in each other, as in MongoDB.
pub(crate) const MAX_DEPTH: usize = 100;

/// How deep a condition stands, and what its patterns may take.
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
