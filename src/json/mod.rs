//! JSON that keeps source positions and the order of members. It rejects what files about permissions must not contain
//! – duplicate keys, nesting deeper than [`MAX_DEPTH`], more than [`MAX_SIZE`] bytes – and converts to BSON, as
//! extended or as plain JSON.

#[cfg(feature = "unstable")]
mod canonical;
mod containers;
mod ejson;
mod node;
mod parse;
mod plain;
mod print;
mod raw_document;
mod stream;
mod strings;
mod write;

pub(crate) use ejson::is_literal_key;
pub use ejson::{EjsonError, EjsonErrorKind, to_document};
pub use node::{Kind, Member, Node};
pub use parse::{JsonError, JsonErrorKind, parse, parse_bytes};
pub(crate) use strings::{escape, string};
pub(crate) use write::{NotJson, write_relaxed};

#[cfg(feature = "unstable")]
pub use {
    canonical::write_canonical,
    ejson::{from_bson, is_literal, to_bson},
    parse::{MAX_DEPTH, MAX_SIZE, count_values, parse_part, parse_up_to},
    plain::{to_plain_bson, to_plain_document},
    raw_document::to_raw_document,
    stream::{Chunk, Stream},
    write::write,
};
#[cfg(not(feature = "unstable"))]
pub(crate) use {
    ejson::{from_bson, is_literal, to_bson},
    parse::{MAX_DEPTH, MAX_SIZE, parse_part},
    plain::{to_plain_bson, to_plain_document},
    raw_document::to_raw_document,
    stream::{Chunk, Stream},
    write::write,
};
