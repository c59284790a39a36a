//! Dotted field paths, followed in documents according to MongoDB's rules for arrays.

mod field_path;
mod walk;

pub use field_path::{FieldPath, MAX_INDEXES, MAX_SEGMENTS, PathError, Segment};
pub(crate) use walk::{Leaf, Resolved, any, resolve};
