//! Dotted field paths, and what they lead to in documents: through arrays as MongoDB's queries go.

mod field_path;
mod walk;

pub use field_path::{FieldPath, MAX_INDEXES, MAX_SEGMENTS, PathError, Segment};
pub(crate) use walk::{Leaf, Resolved, any, resolve};
