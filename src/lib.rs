//! Portcullis
pub mod json;
pub mod path;
pub mod text;
pub mod value;
