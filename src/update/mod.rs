//! MongoDB's update language on documents in memory: operators, replacements, and the documents that upserts insert.
//!
//! Whatever MongoDB rejects is rejected with its error code, and so are unknown operators. An update is applied
//! completely or not at all.

mod apply;
mod arithmetic;
mod array;
mod array_filters;
mod error;
mod leaf;
mod limits;
mod operand;
mod operator;
mod parse;
mod push;
mod removal;
mod rename;
mod replacement;
mod size;
mod steps;
mod tree;
mod upsert;
mod written;

pub use apply::{Applied, Moment};
pub use error::{UpdateError, UpdateErrorKind};
pub use limits::{MAX_BYTES, MAX_LEVELS};
pub use operator::Operator;
pub use parse::{Named, Update};
pub use replacement::{check_document, replace};
pub use upsert::upsert_document;
