//! Translation of residuals to MongoDB filters: either an exact filter for the documents for which a condition holds,
//! or a lower and an upper bound.

mod bounds;
mod expression;
mod field;
mod field_test;
mod filter;
mod index;
mod known_value;
mod path;
mod plan;
mod remaining;
mod residual;
mod test;
mod union;

pub(crate) use bounds::{Bounds, Range};
pub use expression::{ExpressionPlan, plan_expression, settled};
pub(crate) use field::Field;
pub(crate) use filter::Filter;
pub use index::indexes_for;
pub use plan::{MAX_DEPTH, MAX_FILTER_BYTES, MAX_LIST, Plan};
pub use remaining::Remaining;
pub(crate) use remaining::remaining;
pub(crate) use residual::{bounds, bounds_knowing};
pub(crate) use union::united;
