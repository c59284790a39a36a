use std::cmp::Ordering;

use bson::{Bson, Document};

use super::raw::{Element, Walk};
use super::{DocumentRef, Malformed, ValueRef};

/// A field's value as it stands in its document, to be compared without looking further into it than the comparison
/// needs. Most comparisons are of two values of one plain type; the others go by
/// [`ValueRef`].
#[derive(Clone, Copy)]
pub(crate) enum Field<'a> {
    Decoded(&'a Bson),
    Raw(Element<'a>),
}

impl<'a> Field<'a> {
    /// The field of a document with a name, if there is one.
    #[inline]
    pub(crate) fn find(document: DocumentRef<'a>, name: &str) -> Result<Option<Self>, Malformed> {
        Ok(match document {
            DocumentRef::Decoded(document) => Document::get(document, name).map(Self::Decoded),
            DocumentRef::Raw(document) => Walk::new(document).find(name)?.map(Self::Raw),
        })
    }

    /// The value.
    pub(crate) fn value(self) -> Result<ValueRef<'a>, Malformed> {
        match self {
            Self::Decoded(value) => Ok(value.into()),
            Self::Raw(element) => element.value(),
        }
    }

    /// Whether it is a document or an array.
    pub(crate) fn is_container(self) -> bool {
        match self {
            Self::Decoded(value) => matches!(value, Bson::Document(_) | Bson::Array(_)),
            Self::Raw(element) => element.is_container(),
        }
    }

    /// As [`equal`](super::equal); none if that takes more than a look at two plain values of one type.
    #[inline]
    pub(crate) fn equals(self, right: &Bson) -> Option<bool> {
        match (self, right) {
            (Self::Decoded(Bson::String(left)), Bson::String(right)) => Some(left == right),
            (Self::Decoded(Bson::Int32(left)), Bson::Int32(right)) => Some(left == right),
            (Self::Decoded(Bson::ObjectId(left)), Bson::ObjectId(right)) => Some(left == right),
            (Self::Decoded(Bson::Boolean(left)), Bson::Boolean(right)) => Some(left == right),
            (Self::Raw(left), Bson::String(right)) => left.is_string(right),
            (Self::Raw(left), Bson::Int32(right)) => Some(left.int32()? == *right),
            (Self::Raw(left), Bson::ObjectId(right)) => Some(left.object_id()? == right.bytes()),
            _ => None,
        }
    }

    /// As [`order`](super::order), but none if that takes more than a look at two plain values of one type.
    #[inline]
    pub(crate) fn order(self, right: &Bson) -> Option<Ordering> {
        match (self, right) {
            (Self::Decoded(Bson::Int32(left)), Bson::Int32(right)) => Some(left.cmp(right)),
            (Self::Decoded(Bson::DateTime(left)), Bson::DateTime(right)) => Some(left.cmp(right)),
            (Self::Raw(left), Bson::Int32(right)) => Some(left.int32()?.cmp(right)),
            (Self::Raw(left), Bson::DateTime(right)) => Some(left.date_time()?.cmp(&right.timestamp_millis())),
            _ => None,
        }
    }
}
