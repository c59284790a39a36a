//! MongoDB's expressions, its orders and the stages of its pipelines, for documents in memory: those on the lists of what clients may use, with
//! the meaning that MongoDB 6.0 gives them.

mod accumulator;
mod decimal;
mod document_stage;
mod evaluate;
mod expression;
mod failure;
mod group;
mod number;
mod operators;
mod parse;
mod sort;
mod table;
mod value;

pub(crate) use decimal::nearest_integer;
pub use document_stage::Each;
pub(crate) use evaluate::decoded;
pub(crate) use expression::Expression;
pub use failure::FindError;
pub(crate) use failure::{BAD_VALUE, FAILED_TO_PARSE};
pub use group::{Grouping, Groups};
pub(crate) use sort::Direction;
pub use sort::{Sort, SortKey};
pub(crate) use table::{is_operator, refusal_of};
