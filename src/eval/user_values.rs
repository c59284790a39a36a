use bson::{Bson, Document};

use super::Context;
use super::user_path::{Start, UserPath};
use crate::user::CustomData;
use crate::value::ValueRef;

/// A set of paths into `%%user` that are looked up together, reading each document on the way once.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserPaths {
    data: Names,
    custom_data: Names,
    count: usize,
}

/// The maximum number of paths in a [`UserPaths`].
const MAX_PATHS: usize = 16;

/// The index of a path in a [`UserPaths`].
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

/// A trie of the keys to look up in a document.
#[derive(Clone, Debug, Default)]
struct Names {
    names: Vec<Name>,
    /// A bitmap of the key lengths, modulo 64, to skip other keys quickly.
    lengths: u64,
}

#[derive(Clone, Debug)]
struct Name {
    name: Box<str>,
    /// The index of the path that ends at this key.
    path: Option<usize>,
    /// The keys of longer paths, to look up in the document at this key.
    within: Names,
}

impl UserPaths {
    /// Adds a path unless it is already present; `None` if the set is full.
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
    /// The value at a path. `None` means that the general lookup has to resolve it.
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

/// If a document has more fields than this for each key to look up, the keys are hashed instead of scanning all fields.
const HASH_ABOVE: usize = 8;

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
        if document.len() > self.names.len().saturating_mul(HASH_ABOVE) {
            for name in &self.names {
                if let Some(value) = document.get(&*name.name) {
                    name.found(value, found);
                }
            }
            return;
        }
        // A sequential scan also helps with documents that are not in the CPU cache: CPUs prefetch it, whereas lookups
        // by hash wait for one cache miss after another.
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
