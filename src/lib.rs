//! Portcullis
pub mod app;
pub mod eval;
pub mod expr;
pub mod json;
pub mod path;
pub mod predicate;
pub mod text;
pub mod user;
pub mod value;
