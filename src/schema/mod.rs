//! Schemas, `schema.json`: which documents may be written to a collection by anyone. All reasons for which a document
//! is rejected are reported at once.

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
pub use keyword::Ignored;
pub use outline::Property;
