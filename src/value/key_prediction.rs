use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyHead, Slot};

/// Predicts which key is at which place in the documents of a collection, so that one comparison recognises it. A
/// prediction is only a guess: the whole key is always compared, so a wrong one cannot cause an error.
#[derive(Debug)]
pub(super) struct KeyPrediction([AtomicU64; PLACES]);

/// The number of places with a prediction.
const PLACES: usize = 64;

/// The maximum length of a predicted key.
const LONGEST: usize = 7;

/// The bits of the key. Above them are the number of the requested name (five bits) and the key's length (three bits).
/// Everything is in one word, so that a reader never sees a mix of two predictions.
const KEY: u64 = u64::MAX >> 8;
const NUMBER: u64 = 31;

/// The numbers of a key that is not requested and of a place without a prediction.
const NOT_REQUESTED: u64 = NUMBER;
const UNKNOWN: u64 = NUMBER - 1;

impl Default for KeyPrediction {
    fn default() -> Self {
        Self([const { AtomicU64::new(UNKNOWN << 56) }; PLACES])
    }
}

impl KeyPrediction {
    /// The predicted key of a place and the number of the requested name, if `rest` starts with an element with that
    /// key.
    #[inline(always)]
    pub(super) fn recognise(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)> {
        let usual = self.0.get(place)?.load(Ordering::Relaxed);
        let [_, word @ ..] = *rest.first_chunk::<9>()?;
        let (length, number) = ((usual >> 61) as usize, (usual >> 56) & NUMBER);
        // Compares the key and its NUL; the bytes after them are shifted out.
        let difference = (u64::from_le_bytes(word) ^ (usual & KEY)) << (8 * (LONGEST - length));
        if difference != 0 || number == UNKNOWN {
            return None;
        }
        let slot = if number == NOT_REQUESTED { None } else { u8::try_from(number).ok().map(Slot::of) };
        Some((KeyHead { first: usual & KEY, length }, slot))
    }

    /// Learns the key at a place; `slot` is the number of the requested name. An existing prediction is replaced only
    /// occasionally: threads that read different documents must not keep writing to the same cache line.
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
