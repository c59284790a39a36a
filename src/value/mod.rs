//! BSON values, decoded or still raw, behind one view; their equality, order and types, as MongoDB has them.

mod compare;
mod decimal;
pub(crate) mod decimal_arithmetic;
mod encode;
mod field;
mod fields;
mod glance;
mod glimpse;
mod hash;
mod indexes;
mod keys;
mod list;
mod lookup;
mod multiple;
mod number;
mod prepared;
mod raw;
mod repeated;
mod sort;
mod steps;
mod texts;
mod types;
mod usual;
mod view;
mod wanted;
mod write;

pub(crate) use compare::equal_in_steps;
pub(crate) use encode::{encode, encode_at, type_byte};
pub(crate) use field::Field;
pub(crate) use fields::{Elements, Fields};
pub(crate) use glimpse::Glimpse;
pub(crate) use keys::Keys;
pub(crate) use list::{List, ListRef};
pub(crate) use lookup::Lookup;
pub(crate) use steps::FIELD_OF_ELEMENT;
pub use steps::Steps;
pub(crate) use wanted::{Key, Slot, Wanted};
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
