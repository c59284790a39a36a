use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyHead, Slot};

/// Which key stands where in most documents of a collection, so that one comparison recognises it. What was learnt of one
/// document is only a guess about the next: no key is taken for another, for all of it is compared.
#[derive(Debug)]
pub(super) struct KeyPrediction([AtomicU64; PLACES]);

/// As many elements are foreseen.
const PLACES: usize = 64;

/// The longest key that is foreseen.
const LONGEST: usize = 7;

/// The bits of a key. Above them stand the number of the name that it is, in five bits, and its length, in three: one word
/// holds all, so that no reader ever sees a part of one and a part of another.
const KEY: u64 = u64::MAX >> 8;
const NUMBER: u64 = 31;

/// The number of a key that is no name, and that in a place of which nothing is known.
const NOT_REQUESTED: u64 = NUMBER;
const UNKNOWN: u64 = NUMBER - 1;

impl Default for KeyPrediction {
    fn default() -> Self {
        Self([const { AtomicU64::new(UNKNOWN << 56) }; PLACES])
    }
}

impl KeyPrediction {
    /// The usual key for a place in the document, if `rest` begins with an element that has it, and the number of the name
    /// that the key is.
    #[inline(always)]
    pub(super) fn recognise(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)> {
        let usual = self.0.get(place)?.load(Ordering::Relaxed);
        let [_, word @ ..] = *rest.first_chunk::<9>()?;
        let (length, number) = ((usual >> 61) as usize, (usual >> 56) & NUMBER);
        // The key with the NUL behind it; what follows is shifted out.
        let difference = (u64::from_le_bytes(word) ^ (usual & KEY)) << (8 * (LONGEST - length));
        if difference != 0 || number == UNKNOWN {
            return None;
        }
        let slot = if number == NOT_REQUESTED { None } else { u8::try_from(number).ok().map(Slot::of) };
        Some((KeyHead { first: usual & KEY, length }, slot))
    }

    /// Learns which key stands in a place; `slot` is the number of the name that it is. Where another was learnt, that is
    /// replaced now and then: threads that read different documents must not write to the same memory all the time.
    #[inline]
    pub(super) fn learn(&self, place: usize, key: KeyHead, slot: Option<Slot>, rest: &[u8]) {
        let Some(usual) = self.0.get(place) else { return };
        let is_new = (usual.load(Ordering::Relaxed) >> 56) & NUMBER == UNKNOWN;
        if key.length <= LONGEST && (is_new || rest.len().is_multiple_of(64)) {
            let number = slot.map_or(NOT_REQUESTED, |slot| slot.index() as u64);
            usual.store(key.first | (number | (key.length as u64) << 5) << 56, Ordering::Relaxed);
        }
    }
}
