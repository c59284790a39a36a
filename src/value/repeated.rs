use std::collections::HashSet;

use super::raw::Walk;
use super::wanted::KeyHead;
use super::{MAX_DEPTH, Malformed, ValueRef};

/// The first key that stands twice in a document or in one inside. Every value is checked on the way.
///
/// # Errors
/// If the bytes are no BSON, or nested deeper than [`MAX_DEPTH`].
pub(crate) fn repeated_key(document: &[u8]) -> Result<Option<&str>, Malformed> {
    in_document(document, 0)
}

/// Up to so many keys are told apart by a bit for each, which takes no memory.
const FEW: u32 = 48;

fn in_document(document: &[u8], depth: usize) -> Result<Option<&str>, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::depth());
    }
    let (mut buckets, mut count, mut many) = (0_u64, 0, None);
    let mut walk = Walk::of_bytes(document);
    let mut at = walk.position(document);
    while let Some((element, head)) = walk.step_with_head()? {
        let bit = 1 << head.bucket();
        let known = match &mut many {
            Some(keys) => !HashSet::insert(keys, element.key_bytes()),
            None => buckets & bit != 0 && stands_before(document, at, element.key_bytes(), head)?,
        };
        if known {
            return element.key().map(Some);
        }
        buckets |= bit;
        count += 1;
        if count == FEW {
            many = Some(keys_before(document, walk.position(document))?);
        }
        if !element.is_plain()
            && let Some(key) = in_value(element.value()?, depth + 1)?
        {
            return Ok(Some(key));
        }
        at = walk.position(document);
    }
    Ok(None)
}

fn in_value(value: ValueRef<'_>, depth: usize) -> Result<Option<&str>, Malformed> {
    match value {
        ValueRef::Document(document) | ValueRef::CodeWithScope { scope: document, .. } => {
            in_document(document.raw_bytes(), depth)
        }
        ValueRef::Array(_) if depth > MAX_DEPTH => Err(Malformed::depth()),
        ValueRef::Array(array) => {
            for element in array.iter() {
                if let Some(key) = in_value(element?, depth + 1)? {
                    return Ok(Some(key));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
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
