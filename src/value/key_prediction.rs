use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyHead, Slot};

/// Predicts the keys at each position in the documents of a collection, so that a key can be recognised with one
/// comparison. The entire key is always compared, so a wrong prediction costs time, but does no harm.
#[derive(Debug)]
pub(super) struct KeyPrediction([AtomicU64; PREDICTED_POSITIONS]);

/// The number of positions for which keys are predicted.
const PREDICTED_POSITIONS: usize = 64;

/// The maximum length of a predicted key in bytes.
const MAX_KEY_LENGTH: usize = 7;

/// The bits of a prediction that hold the key. Above them are five bits for the number of the requested name and three
/// bits for the length of the key. A prediction is a single word, so that readers never see parts of two.
const KEY: u64 = u64::MAX >> 8;
const NUMBER: u64 = 31;

/// The numbers that stand for a key that is not requested, and for no prediction.
const NOT_REQUESTED: u64 = NUMBER;
const UNKNOWN: u64 = NUMBER - 1;

impl Default for KeyPrediction {
    fn default() -> Self {
        Self([const { AtomicU64::new(UNKNOWN << 56) }; PREDICTED_POSITIONS])
    }
}

impl KeyPrediction {
    /// Whether the first element of `rest` has the key predicted for its position: if so, the head of the key and the
    /// number of the requested name, if it is one.
    #[inline(always)]
    pub(super) fn recognise(&self, place: usize, rest: &[u8]) -> Option<(KeyHead, Option<Slot>)> {
        let usual = self.0.get(place)?.load(Ordering::Relaxed);
        let [_, word @ ..] = *rest.first_chunk::<9>()?;
        let (length, number) = ((usual >> 61) as usize, (usual >> 56) & NUMBER);
        // Compares the key and its NUL, shifting out the bytes after them.
        let difference = (u64::from_le_bytes(word) ^ (usual & KEY)) << (8 * (MAX_KEY_LENGTH - length));
        if difference != 0 || number == UNKNOWN {
            return None;
        }
        let slot = if number == NOT_REQUESTED { None } else { u8::try_from(number).ok().map(Slot::of) };
        Some((KeyHead { first: usual & KEY, length }, slot))
    }

    /// Learns the key at a position, with the number of the requested name, if it is one. An existing prediction is
    /// replaced only occasionally: otherwise, threads that read different kinds of documents would keep contending for
    /// the cache line.
    #[inline]
    pub(super) fn learn(&self, place: usize, key: KeyHead, slot: Option<Slot>, rest: &[u8]) {
        let Some(usual) = self.0.get(place) else { return };
        let is_new = (usual.load(Ordering::Relaxed) >> 56) & NUMBER == UNKNOWN;
        if key.length <= MAX_KEY_LENGTH && (is_new || rest.len().is_multiple_of(64)) {
            let number = slot.map_or(NOT_REQUESTED, |slot| slot.index() as u64);
            usual.store(key.first | (number | (key.length as u64) << 5) << 56, Ordering::Relaxed);
        }
    }
}
