use bson::{Bson, Document};

use super::Context;
use super::user_path::{Start, UserPath};
use crate::user::CustomData;
use crate::value::ValueRef;

/// Paths to values of the user that are looked up together: each document on the way is read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserPaths {
    data: Names,
    custom_data: Names,
    count: usize,
}

/// How many paths are looked up together.
const MAX_PATHS: usize = 16;

/// The place of a path among [`UserPaths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserSlot {
    Id,
    At(usize),
}

/// The values of [`UserPaths`] for one user.
pub(crate) struct UserValues<'c> {
    id: Option<&'c str>,
    found: Found<'c>,
}

type Found<'c> = [Option<&'c Bson>; MAX_PATHS];

/// Names in a document.
#[derive(Clone, Debug, Default)]
struct Names {
    names: Vec<Name>,
    /// A bit for each length that a name has.
    lengths: u64,
}

#[derive(Clone, Debug)]
struct Name {
    name: Box<str>,
    /// The path that ends with it.
    path: Option<usize>,
    /// The paths that go on.
    within: Names,
}

impl UserPaths {
    /// Adds a path, unless it is there already; `None` if there are too many.
    pub(crate) fn add(&mut self, path: &UserPath) -> Option<UserSlot> {
        let mut names = match path.start {
            Start::Id => return Some(UserSlot::Id),
            Start::Data => &mut self.data,
            Start::CustomData => &mut self.custom_data,
        };
        if self.count == MAX_PATHS {
            return None;
        }
        for name in &path.between {
            names = &mut names.entry(name)?.within;
        }
        let at = *names.entry(&path.last)?.path.get_or_insert(self.count);
        self.count += usize::from(at == self.count);
        Some(UserSlot::At(at))
    }

    /// Looks up all values.
    #[inline]
    pub(crate) fn values<'c>(&self, context: &'c Context) -> UserValues<'c> {
        let mut values = UserValues { id: None, found: [None; MAX_PATHS] };
        if let Some(user) = &context.user {
            values.id = Some(&user.id);
            self.data.find(&user.data, &mut values.found);
            if let CustomData::Loaded(data) = &user.custom_data {
                self.custom_data.find(data, &mut values.found);
            }
        }
        values
    }
}

impl<'c> UserValues<'c> {
    /// The value of a path; `None` if it is not reached through documents only.
    #[inline]
    pub(crate) fn get(&self, slot: UserSlot) -> Option<ValueRef<'c>> {
        match slot {
            UserSlot::Id => self.id.map(ValueRef::String),
            UserSlot::At(at) => match self.found.get(at).copied().flatten()? {
                Bson::String(text) => Some(ValueRef::String(text)),
                other => Some(other.into()),
            },
        }
    }
}

/// A document with this many fields for each name is not read as a whole: hashing the names takes less time.
const SPARSE: usize = 8;

impl Names {
    fn entry(&mut self, name: &str) -> Option<&mut Name> {
        let at = self.names.iter().position(|known| *known.name == *name).unwrap_or(self.names.len());
        if at == self.names.len() {
            self.lengths |= length_bit(name);
            self.names.push(Name { name: name.into(), path: None, within: Self::default() });
        }
        self.names.get_mut(at)
    }

    fn find<'c>(&self, document: &'c Document, found: &mut Found<'c>) {
        if self.names.is_empty() {
            return;
        }
        if document.len() > self.names.len().saturating_mul(SPARSE) {
            for name in &self.names {
                if let Some(value) = document.get(&*name.name) {
                    name.found(value, found);
                }
            }
            return;
        }
        // This also reads memory in order: a document that is not in a cache is loaded at once, and not in steps of which
        // each waits for the one before.
        for (key, value) in document {
            if self.lengths & length_bit(key) != 0
                && let Some(name) = self.names.iter().find(|name| *name.name == **key)
            {
                name.found(value, found);
            }
        }
    }
}

impl Name {
    #[inline]
    fn found<'c>(&self, value: &'c Bson, found: &mut Found<'c>) {
        if let Some(place) = self.path.and_then(|at| found.get_mut(at)) {
            *place = Some(value);
        }
        if let Bson::Document(document) = value {
            self.within.find(document, found);
        }
    }
}

const fn length_bit(name: &str) -> u64 {
    1 << (name.len() % 64)
}
