//! Portcullis decides, per user, who may read and write which MongoDB document and which field, by the rules of
//! MongoDB Atlas App Services.
pub mod access;
pub mod auth;
pub mod eval;
pub mod expr;
pub mod json;
pub mod lint;
pub mod path;
pub mod policy;
pub mod predicate;
pub mod schema;
pub mod testfile;
pub mod text;
pub mod user;
pub mod value;
