use std::sync::atomic::{AtomicU32, Ordering};

use super::key::{KeyHash, KeyHead, Slot};
use super::key_prediction::KeyPrediction;

/// The maximum number of names in a table. This many positions in a document fit into two cache lines.
pub(super) const MAX_REQUESTED: usize = 16;

/// A table of the top-level fields that will be looked up, so that one pass over a document can find them all.
#[derive(Debug, Default)]
pub(crate) struct RequestedFields {
    names: Vec<Name>,
    /// A bitmap of the hash buckets of all names. A key whose bit is not set is not requested.
    buckets: u64,
    pub(super) usual: Box<KeyPrediction>,
}

#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: Box<str>,
    pub(super) key: KeyHead,
    pub(super) usual: PredictedPlace,
}

/// The position at which a field was found last. Fields mostly have the same order in all documents of a collection,
/// but there is no guarantee.
#[derive(Debug, Default)]
pub(super) struct PredictedPlace(AtomicU32);

impl PredictedPlace {
    #[inline(always)]
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    pub(super) fn set(&self, number: usize) {
        self.0.store(u32::try_from(number).unwrap_or(0), Ordering::Relaxed);
    }
}

impl RequestedFields {
    /// The number of a name, which is added if it is new; [`Slot::NONE`] if the table is full.
    pub(crate) fn slot(&mut self, name: &str) -> Slot {
        let key = KeyHead::of(name.as_bytes());
        if let Some(slot) = self.find(name.as_bytes(), key) {
            return slot;
        }
        match u8::try_from(self.names.len()) {
            Ok(number) if self.names.len() < MAX_REQUESTED => {
                self.names.push(Name { text: name.into(), key, usual: PredictedPlace::default() });
                self.buckets |= 1 << key.hash().bucket();
                Slot::of(number)
            }
            _ => Slot::NONE,
        }
    }

    /// Whether a key with this hash may be in the table.
    #[inline(always)]
    pub(super) const fn may_have(&self, key: KeyHash) -> bool {
        (self.buckets >> key.bucket()) & 1 != 0
    }

    /// The number of a key; `None` if it is not in the table.
    #[inline]
    pub(super) fn find(&self, text: &[u8], key: KeyHead) -> Option<Slot> {
        let same = |name: &Name| name.key == key && (key.length <= 8 || *name.text.as_bytes() == *text);
        let number = self.names.iter().position(same)?;
        u8::try_from(number).ok().map(Slot::of)
    }

    /// The name with this number.
    #[inline(always)]
    pub(super) fn name(&self, slot: Slot) -> Option<&Name> {
        self.names.get(slot.index())
    }
}
