use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::Malformed;
use super::element::Element;
use super::layout::LENGTH;
use super::raw::Walk;

/// Indexes of raw documents and arrays that are searched often, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    hasher: RandomState,
    containers: HashMap<usize, Container>,
}

#[derive(Debug)]
enum Container {
    /// Not indexed; the number of linear searches so far.
    Walked(u32),
    /// The offsets of a document's fields, by key.
    Fields(HashTable<u32>),
    /// The offsets of an array's elements.
    Elements(Vec<u32>),
    /// Cannot be indexed, because it is malformed or too large.
    Malformed,
}

/// The size in bytes below which a document or array is always searched linearly.
const MIN_INDEXED_SIZE: usize = 512;
/// The number of linear searches after which a document or array is indexed.
const WALKS_BEFORE_INDEX: u32 = 8;

impl Indexes {
    #[inline]
    pub(super) const fn is_worth(container: &[u8]) -> bool {
        container.len() >= MIN_INDEXED_SIZE
    }

    /// The first field with this key.
    pub(super) fn find<'a>(&mut self, document: &'a [u8], key: &str) -> Result<Option<Element<'a>>, Malformed> {
        let Self { hasher, containers } = self;
        let container = Self::container(containers, document, |document| fields(document, hasher));
        let Container::Fields(fields) = container else { return Walk::of_bytes(document).find(key) };
        let found = fields.find(hasher.hash_one(key.as_bytes()), |at| key_at(document, *at) == Some(key.as_bytes()));
        found.map_or(Ok(None), |at| element_at(document, *at))
    }

    /// The array element at this index.
    pub(super) fn element<'a>(&mut self, array: &'a [u8], index: usize) -> Result<Option<Element<'a>>, Malformed> {
        match Self::container(&mut self.containers, array, elements) {
            Container::Elements(elements) => elements.get(index).map_or(Ok(None), |at| element_at(array, *at)),
            _ => Walk::of_bytes(array).nth(index).transpose(),
        }
    }

    fn container<'i>(
        containers: &'i mut HashMap<usize, Container>,
        bytes: &[u8],
        index: impl FnOnce(&[u8]) -> Result<Container, Malformed>,
    ) -> &'i Container {
        let container = containers.entry(bytes.as_ptr().addr()).or_insert(Container::Walked(0));
        match container {
            Container::Walked(walks) if *walks < WALKS_BEFORE_INDEX => *walks += 1,
            Container::Walked(_) => *container = index(bytes).unwrap_or(Container::Malformed),
            _ => {}
        }
        container
    }
}

fn fields(document: &[u8], hasher: &RandomState) -> Result<Container, Malformed> {
    let (mut fields, mut walk) = (HashTable::new(), Walk::of_bytes(document));
    loop {
        let at = walk.position(document);
        let Some((element, _)) = walk.step_with_head()? else { return Ok(Container::Fields(fields)) };
        let (key, hash) = (element.key_bytes(), hasher.hash_one(element.key_bytes()));
        // Of duplicate keys, the first counts.
        if fields.find(hash, |other| key_at(document, *other) == Some(key)).is_none() {
            let rehash = |other: &u32| key_at(document, *other).map_or(0, |key| hasher.hash_one(key));
            fields.insert_unique(hash, at, rehash);
        }
    }
}

fn elements(array: &[u8]) -> Result<Container, Malformed> {
    let (mut elements, mut walk) = (Vec::new(), Walk::of_bytes(array));
    loop {
        let at = walk.position(array);
        if walk.step_with_head()?.is_none() {
            return Ok(Container::Elements(elements));
        }
        elements.push(at);
    }
}

fn key_at(document: &[u8], at: u32) -> Option<&[u8]> {
    let [_, key @ ..] = document.get(at as usize..)? else { return None };
    key.split(|byte| *byte == 0).next()
}

fn element_at(container: &[u8], at: u32) -> Result<Option<Element<'_>>, Malformed> {
    let at = (at as usize).max(LENGTH);
    Walk::of_elements(container.get(at..).unwrap_or_default()).step_with_head().map(|step| step.map(|(one, _)| one))
}
