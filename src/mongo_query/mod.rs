//! MongoDB's `find` on documents in memory: filters, sort orders and projections, as sent by clients in BSON.

mod error;
mod filter;
mod operators;
mod position;
mod projection;

pub(crate) use crate::aggregation::Direction;
pub use crate::aggregation::{FindError, Sort, SortKey, check_variable_name};
pub use filter::Filter;
pub(crate) use filter::is_element_condition;
pub use operators::FIELD_OPERATORS;
pub(crate) use operators::described;
pub use position::Position;
pub use projection::compile_projection;
