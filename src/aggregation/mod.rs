//! MongoDB's expressions, sort orders and pipeline stages, evaluated in memory with the semantics of MongoDB 6.0. Only
//! operators that clients may use are implemented.

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
pub use parse::check_variable_name;
pub(crate) use sort::Direction;
pub use sort::{Sort, SortKey};
pub use table::is_operator;
pub(crate) use table::refusal_of;
