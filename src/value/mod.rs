//! BSON values, decoded or still raw, behind one view; their equality, order and types, as MongoDB has them.

mod compare;
mod decimal;
pub(crate) mod decimal_arithmetic;
mod duplicate_key;
mod element_header;
mod encode;
mod field;
mod fields;
mod hash;
mod indexes;
mod key_prediction;
mod keys;
mod list;
mod lookup;
mod multiple_of;
mod number;
mod prepared;
mod raw;
mod raw_comparison;
mod requested_fields;
mod sort;
mod steps;
mod texts;
mod types;
mod view;
mod write;

pub(crate) use compare::equal_in_steps;
pub(crate) use encode::{encode, encode_at, type_byte};
pub(crate) use field::Field;
pub(crate) use fields::{Elements, Fields};
pub(crate) use keys::Keys;
pub(crate) use list::{List, ListRef};
pub(crate) use lookup::Lookup;
pub(crate) use raw_comparison::RawFieldValue;
pub(crate) use requested_fields::{Key, RequestedFields, Slot};
pub(crate) use steps::FIELD_OF_ELEMENT;
pub use steps::Steps;
pub(crate) use write::{Container, DocumentWriter, Empty, Place, RawWriter, Writer};

pub use compare::{equal, identical, order};
pub use number::Number;
pub use prepared::Prepared;
pub use sort::sort_order;
pub use steps::MAX_STEPS;
pub use types::{Type, TypeSet};
pub use view::{ArrayRef, DbPointerRef, DocumentRef, Malformed, ValueRef};

/// How deep values may be nested before comparing them ends in an error: MongoDB stores no more than 100 levels.
pub const MAX_DEPTH: usize = 200;
