//! `schema.json`: which documents a collection accepts, from any writer, with all reasons against a document at once.

mod bound;
mod compile;
mod error;
mod failure;
mod keyword;
mod membership;
mod outline;
mod report;
mod rule;
mod shape;
mod types;
mod visit;

pub use bound::{BoundSchema, Schema};
pub use error::{SchemaError, SchemaErrorKind};
pub use failure::{Failure, MAX_FAILURES};
pub use outline::Property;
