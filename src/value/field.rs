use std::cmp::Ordering;

use bson::{Bson, Document};

use super::element::Element;
use super::key::KeyHead;
use super::layout::ARRAY;
use super::raw::Walk;
use super::raw::has_text_unchecked;
use super::texts::has_text;
use super::{DocumentRef, Malformed, ValueRef};

/// The value of a field within its document, decoded only as far as needed. Most comparisons are between scalar values
/// of the same type and need no decoding; all others use [`ValueRef`].
#[derive(Clone, Copy)]
pub(crate) enum Field<'a> {
    Decoded(&'a Bson),
    Raw(Element<'a>),
    /// In bytes that are known to be valid BSON.
    Checked(Element<'a>),
}

impl<'a> Field<'a> {
    /// The field with this name.
    #[inline(always)]
    pub(crate) fn find(document: DocumentRef<'a>, name: &str) -> Result<Option<Self>, Malformed> {
        Ok(match document {
            DocumentRef::Decoded(document) => Document::get(document, name).map(Self::Decoded),
            DocumentRef::Raw(document) => Walk::new(document).find(name)?.map(Self::Raw),
            DocumentRef::Prepared(document) => document.find(name, KeyHead::of(name.as_bytes())).map(Self::Checked),
        })
    }

    /// Whether it is a document or an array.
    pub(crate) const fn is_container(self) -> bool {
        match self {
            Self::Decoded(value) => matches!(value, Bson::Document(_) | Bson::Array(_)),
            Self::Raw(element) | Self::Checked(element) => element.is_container(),
        }
    }

    /// The decoded value.
    #[inline]
    pub(crate) fn value(self) -> Result<ValueRef<'a>, Malformed> {
        match self {
            Self::Decoded(value) => Ok(value.into()),
            Self::Raw(element) | Self::Checked(element) => element.value(),
        }
    }

    /// Whether the value equals `right` or is an array that contains it; `None` if comparing scalar values of the same
    /// type is not enough to tell.
    #[inline(always)]
    pub(crate) fn equals(self, right: &Bson) -> Option<bool> {
        match (self, right) {
            (Self::Decoded(Bson::String(left)), Bson::String(right)) => Some(left == right),
            (Self::Decoded(Bson::Int32(left)), Bson::Int32(right)) => Some(left == right),
            (Self::Decoded(Bson::ObjectId(left)), Bson::ObjectId(right)) => Some(left == right),
            (Self::Decoded(Bson::Boolean(left)), Bson::Boolean(right)) => Some(left == right),
            (Self::Decoded(Bson::Array(list)), Bson::String(right)) => any_decoded(list, right),
            (Self::Raw(left), Bson::String(right)) => match left.kind() {
                ARRAY => has_text_unchecked(left.bytes(), right),
                _ => left.is_string(right),
            },
            (Self::Checked(left), Bson::String(right)) => match left.string_bytes() {
                Some(left) => Some(left == right.as_bytes()),
                None if left.kind() == ARRAY => has_text(left.bytes(), right.as_bytes()),
                None => None,
            },
            (Self::Raw(left) | Self::Checked(left), Bson::Int32(right)) => Some(left.int32()? == *right),
            (Self::Raw(left) | Self::Checked(left), Bson::ObjectId(right)) => Some(left.object_id()? == right.bytes()),
            _ => None,
        }
    }

    /// Whether two values are equal; `None` unless both are scalar values of the same type.
    #[inline(always)]
    pub(crate) fn same(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Decoded(left @ (Bson::String(_) | Bson::Int32(_) | Bson::ObjectId(_))), Self::Decoded(right)) => {
                Self::Decoded(left).equals(right)
            }
            (Self::Raw(left) | Self::Checked(left), Self::Raw(right) | Self::Checked(right)) => left.is_same(right),
            _ => None,
        }
    }

    /// Like [`order`](super::order); `None` unless both are scalar values of the same type.
    #[inline(always)]
    pub(crate) fn order(self, right: &Bson) -> Option<Ordering> {
        match (self, right) {
            (Self::Decoded(Bson::Int32(left)), Bson::Int32(right)) => Some(left.cmp(right)),
            (Self::Decoded(Bson::DateTime(left)), Bson::DateTime(right)) => Some(left.cmp(right)),
            (Self::Raw(left) | Self::Checked(left), Bson::Int32(right)) => Some(left.int32()?.cmp(right)),
            (Self::Raw(left) | Self::Checked(left), Bson::DateTime(right)) => {
                Some(left.date_time()?.cmp(&right.timestamp_millis()))
            }
            _ => None,
        }
    }
}

/// Whether an array contains a string; `None` if it contains values other than strings.
fn any_decoded(list: &[Bson], text: &str) -> Option<bool> {
    for element in list {
        match element {
            Bson::String(element) if element == text => return Some(true),
            Bson::String(_) => {}
            _ => return None,
        }
    }
    Some(false)
}
