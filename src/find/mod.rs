//! What MongoDB's `find` means, for documents in memory: filters, orders and projections that come as BSON, as clients send
//! them.

mod bits;
mod client;
mod error;
mod filter;
mod json_schema;
mod operators;
mod position;
mod projection;
mod sort;

pub use client::ClientTest;
pub use error::FindError;
pub use filter::Filter;
pub(crate) use filter::is_element_condition;
pub use position::Position;
pub use projection::compile_projection;
pub(crate) use sort::Direction;
pub use sort::{Sort, SortKey};
