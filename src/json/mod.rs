//! JSON that keeps the place and the order of everything, and refuses what a permission file must not contain:
//! duplicate keys, nesting deeper than [`MAX_DEPTH`], texts larger than [`MAX_SIZE`]; and its reading as extended or as
//! plain JSON.

mod ejson;
mod node;
mod parse;
mod plain;
mod print;
mod raw_document;
mod stream;
mod write;

pub(crate) use ejson::is_literal_key;
pub use ejson::{EjsonError, EjsonErrorKind, from_bson, is_literal, to_bson, to_document};
pub use node::{Kind, Member, Node};
pub use parse::{JsonError, JsonErrorKind, MAX_DEPTH, MAX_SIZE, parse, parse_bytes, parse_part};
pub use plain::{to_plain_bson, to_plain_document};
pub use raw_document::to_raw_document;
pub use stream::{Chunk, Stream};
pub use write::write;
pub(crate) use write::{NotJson, escape, string, write_relaxed};
