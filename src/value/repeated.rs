use std::collections::HashSet;
use std::mem;

use super::raw::{Element, Walk};
use super::wanted::{KeyHash, KeyHead};
use super::{MAX_DEPTH, Malformed, ValueRef};

/// The first key that stands twice in a document or in one inside. Every value is checked on the way.
///
/// # Errors
/// If the bytes are no BSON, or nested deeper than [`MAX_DEPTH`].
pub(crate) fn repeated_key(document: &[u8]) -> Result<Option<&str>, Malformed> {
    in_document(document, 0, &mut ignore)
}

/// As [`repeated_key`]; `met` is told of every top-level field: its key with its head and their hash, and from where to where it goes.
#[inline]
pub(super) fn repeated_key_meeting<'d>(
    document: &'d [u8],
    met: &mut impl FnMut(&'d [u8], KeyHead, KeyHash, (u32, u32)),
) -> Result<Option<&'d str>, Malformed> {
    in_document(document, 0, met)
}

const fn ignore(_: &[u8], _: KeyHead, _: KeyHash, _: (u32, u32)) {}

/// Up to so many keys are told apart by a bit for each, which takes no memory.
const FEW: u32 = 48;
/// How many words of bits there are.
const BUCKETS: usize = 8;

/// The keys of a document that were met: a bit for each.
#[derive(Default)]
pub(crate) struct Keys {
    buckets: [u64; BUCKETS],
    count: u32,
}

impl Keys {
    /// How many were met.
    pub(crate) const fn len(&self) -> u32 {
        self.count
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a key, from which on `text` goes; whether it may have been there.
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

    /// Whether a key stands in a document, which need not have ended.
    pub(crate) fn stand_in(document: &[u8], key: &[u8]) -> Result<bool, Malformed> {
        let end = u32::try_from(document.len()).unwrap_or(u32::MAX);
        stands_before(document, end, key, KeyHead::of(key))
    }
}

#[inline]
fn in_document<'d>(
    document: &'d [u8],
    depth: usize,
    met: &mut impl FnMut(&'d [u8], KeyHead, KeyHash, (u32, u32)),
) -> Result<Option<&'d str>, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    let (mut keys, mut many) = (Keys::default(), None);
    let mut walk = Walk::of_bytes(document);
    let mut at = walk.position(document);
    while let Some((element, head)) = walk.step_with_head()? {
        let hash = head.hash();
        let known = match &mut many {
            Some(keys) => !HashSet::insert(keys, element.key_bytes()),
            None => keys.may_have_hash(hash) && stands_before(document, at, element.key_bytes(), head)?,
        };
        if known {
            return element.key().map(Some);
        }
        if keys.count == FEW && many.is_none() {
            many = Some(keys_before(document, walk.position(document))?);
        }
        if !element.is_plain()
            && let Some(key) = in_element(element, depth + 1)?
        {
            return Ok(Some(key));
        }
        let next = walk.position(document);
        met(element.key_bytes(), head, hash, (at, next));
        at = next;
    }
    Ok(None)
}

fn in_element(element: Element<'_>, depth: usize) -> Result<Option<&str>, Malformed> {
    if let Some(document) = element.document_bytes() {
        return in_document(document, depth, &mut ignore);
    }
    let Some(mut elements) = element.elements() else {
        return match element.value()? {
            ValueRef::CodeWithScope { scope, .. } => in_document(scope.raw_bytes(), depth, &mut ignore),
            _ => Ok(None),
        };
    };
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    while let Some((element, _)) = elements.step_with_head()? {
        if !element.is_plain()
            && let Some(key) = in_element(element, depth + 1)?
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Whether a key stands before a place.
fn stands_before(document: &[u8], place: u32, key: &[u8], head: KeyHead) -> Result<bool, Malformed> {
    let mut walk = Walk::of_bytes(document);
    while walk.position(document) < place
        && let Some((element, other)) = walk.step_with_head()?
    {
        if other == head && element.key_bytes() == key {
            return Ok(true);
        }
    }
    Ok(false)
}

fn keys_before(document: &[u8], place: u32) -> Result<HashSet<&[u8]>, Malformed> {
    let (mut walk, mut keys) = (Walk::of_bytes(document), HashSet::new());
    while walk.position(document) < place
        && let Some((element, _)) = walk.step_with_head()?
    {
        keys.insert(element.key_bytes());
    }
    Ok(keys)
}
