use std::collections::HashSet;
use std::mem;

use super::Malformed;
use super::key::{KeyHash, KeyHead};
use super::layout::LENGTH;
use super::raw::Walk;

/// The maximum number of keys for which the Bloom filter is used.
const MAX_BLOOM_KEYS: u32 = 48;
/// The number of 64-bit words in the Bloom filter.
const BUCKETS: usize = 8;

/// A Bloom filter of the keys that have occurred in a document.
#[derive(Default)]
pub(crate) struct Keys {
    buckets: [u64; BUCKETS],
    count: u32,
}

impl Keys {
    /// The number of keys added.
    pub(crate) const fn len(&self) -> u32 {
        self.count
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a key, with which `text` starts. Returns whether it may have been added before.
    #[inline]
    pub(crate) fn may_have(&mut self, key: &[u8], text: &[u8]) -> bool {
        self.may_have_hash(KeyHead::at(text, key.len()).hash())
    }

    #[inline(always)]
    fn may_have_hash(&mut self, hash: KeyHash) -> bool {
        self.count += 1;
        let (bucket, bit) = (hash.fingerprint() as usize % BUCKETS, 1 << hash.bucket());
        let bits = self.buckets.get_mut(bucket).map_or(u64::MAX, |bits| mem::replace(bits, *bits | bit));
        bits & bit != 0
    }

    /// Whether a key occurs in a document, which may be incomplete but must end after an element.
    pub(crate) fn stand_in(document: &[u8], key: &[u8]) -> Result<bool, Malformed> {
        stands_among(document.get(LENGTH..).unwrap_or_default(), key, KeyHead::of(key))
    }
}

/// The set of keys of a document. In nearly all cases, the Bloom filter shows that a key is new, without any
/// allocation. Otherwise, the document itself is searched or, if it has many keys, a hash set is built.
#[derive(Default)]
pub(super) struct KnownKeys<'d> {
    keys: Keys,
    many: Option<HashSet<&'d [u8]>>,
}

impl<'d> KnownKeys<'d> {
    /// Adds a key, consisting of the bytes `text`. Returns whether it was added before. `before` returns the elements
    /// that precede it.
    #[inline(always)]
    pub(super) fn repeat(
        &mut self,
        key: KeyHead,
        text: &'d [u8],
        before: impl FnOnce() -> &'d [u8],
    ) -> Result<bool, Malformed> {
        if self.keys.count < MAX_BLOOM_KEYS {
            return Ok(self.keys.may_have_hash(key.hash()) && stands_among(before(), text, key)?);
        }
        self.repeat_among_many(text, before())
    }

    #[cold]
    #[inline(never)]
    fn repeat_among_many(&mut self, text: &'d [u8], before: &'d [u8]) -> Result<bool, Malformed> {
        let keys = match &mut self.many {
            Some(keys) => keys,
            None => self.many.insert(list(before)?),
        };
        Ok(!keys.insert(text))
    }
}

/// Whether a key occurs in a sequence of elements without the final NUL.
fn stands_among(elements: &[u8], key: &[u8], head: KeyHead) -> Result<bool, Malformed> {
    let mut walk = Walk::of_elements(elements);
    while !walk.rest().is_empty()
        && let Some((element, other)) = walk.step_with_head()?
    {
        if other == head && element.key_bytes() == key {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys in a sequence of elements.
fn list(elements: &[u8]) -> Result<HashSet<&[u8]>, Malformed> {
    let (mut walk, mut keys) = (Walk::of_elements(elements), HashSet::new());
    while !walk.rest().is_empty()
        && let Some((element, _)) = walk.step_with_head()?
    {
        keys.insert(element.key_bytes());
    }
    Ok(keys)
}
