use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use rquickjs::{Ctx, Persistent, Value};

/// Rejected promises that have no handler. Those that get one are forgotten, however many there are: the engine's
/// memory bounds the rest, since each keeps its promise alive.
#[derive(Default)]
pub(super) struct Rejections {
    /// In the order of rejection.
    kept: BTreeMap<u64, Rejection>,
    /// The places in `kept` of the promises with a hash.
    places: HashMap<u64, Vec<u64>>,
    hashes: RandomState,
    next: u64,
}

struct Rejection {
    promise: Persistent<Value<'static>>,
    reason: Persistent<Value<'static>>,
}

impl Rejections {
    /// Records what the engine reports about a promise.
    pub(super) fn track<'js>(&mut self, ctx: &Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
        let hash = self.hashes.hash_one(&promise);
        if !is_handled {
            let (promise, reason) = (Persistent::save(ctx, promise), Persistent::save(ctx, reason));
            self.kept.insert(self.next, Rejection { promise, reason });
            self.places.entry(hash).or_default().push(self.next);
            self.next = self.next.saturating_add(1);
            return;
        }
        let Some(places) = self.places.get_mut(&hash) else { return };
        let is_same = |place: &u64| {
            let kept = self.kept.get(place).map(|rejection| rejection.promise.clone().restore(ctx));
            kept.is_some_and(|kept| kept.is_ok_and(|kept| kept == promise))
        };
        let Some(at) = places.iter().position(is_same) else { return };
        self.kept.remove(&places.swap_remove(at));
        if places.is_empty() {
            self.places.remove(&hash);
        }
    }

    /// The reason of the first rejection, if there is any.
    pub(super) fn first<'js>(&self, ctx: &Ctx<'js>) -> Option<Value<'js>> {
        let (_, rejection) = self.kept.first_key_value()?;
        rejection.reason.clone().restore(ctx).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
