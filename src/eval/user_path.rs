use bson::{Bson, Document};

use super::Context;
use crate::predicate::{ContextRoot, Reference};
use crate::user::CustomData;
use crate::value::ValueRef;

/// A path into `%%user` that the fast lookup supports: the id, or a path through nested documents in the user's data or
/// custom data.
#[derive(Clone, Debug)]
pub(crate) struct UserPath {
    pub(super) start: Start,
    /// The keys of the documents between the start and the last key.
    pub(super) between: Box<[Box<str>]>,
    pub(super) last: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Id,
    Data,
    CustomData,
}

impl UserPath {
    /// The path of a reference; `None` if the fast lookup does not support it.
    pub(crate) fn of(reference: &Reference) -> Option<Self> {
        if reference.root != ContextRoot::User {
            return None;
        }
        let (first, path) = reference.path.segments().split_first()?;
        let start = match first.name() {
            "id" if path.is_empty() => {
                return Some(Self { start: Start::Id, between: Box::default(), last: "".into() });
            }
            "data" => Start::Data,
            "custom_data" => Start::CustomData,
            _ => return None,
        };
        let (last, between) = path.split_last()?;
        let between = between.iter().map(|segment| segment.name().into()).collect();
        Some(Self { start, between, last: last.name().into() })
    }

    /// The value at the path. `None` means that the general lookup has to resolve it.
    #[inline]
    pub(crate) fn value<'c>(&self, context: &'c Context) -> Option<ValueRef<'c>> {
        let user = context.user.as_ref()?;
        let mut document: &Document = match (self.start, &user.custom_data) {
            (Start::Id, _) => return Some(ValueRef::String(&user.id)),
            (Start::Data, _) => &user.data,
            (Start::CustomData, CustomData::Loaded(data)) => data,
            (Start::CustomData, _) => return None,
        };
        for name in &self.between {
            document = document.get(&**name).and_then(Bson::as_document)?;
        }
        document.get(&*self.last).map(ValueRef::from)
    }
}
