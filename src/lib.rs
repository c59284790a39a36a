//! Portcullis
pub mod expr;
pub mod json;
pub mod path;
pub mod predicate;
pub mod text;
pub mod value;
