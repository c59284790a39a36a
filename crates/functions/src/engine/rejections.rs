use rquickjs::{Ctx, Persistent, Value};

/// Rejected promises that have no handler.
#[derive(Default)]
pub(super) struct Rejections {
    promises: Vec<(Persistent<Value<'static>>, Persistent<Value<'static>>)>,
    /// Whether some were dropped because of the limit.
    overflown: bool,
}

/// The most that are kept; a call with more fails in any case.
const MAX: usize = 10_000;

impl Rejections {
    /// Records what the engine reports about a promise.
    pub(super) fn track<'js>(&mut self, ctx: &Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
        if !is_handled {
            if self.promises.len() < MAX {
                self.promises.push((Persistent::save(ctx, promise), Persistent::save(ctx, reason)));
            } else {
                self.overflown = true;
            }
            return;
        }
        // Handlers are usually added to promises that were rejected recently.
        let at =
            self.promises.iter().rposition(|(kept, _)| kept.clone().restore(ctx).is_ok_and(|kept| kept == promise));
        if let Some(at) = at {
            self.promises.swap_remove(at);
        }
    }

    /// The reason of the first rejection, if there is any.
    pub(super) fn first<'js>(&self, ctx: &Ctx<'js>) -> Option<Value<'js>> {
        let (_, reason) = self.promises.first()?;
        reason.clone().restore(ctx).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.promises.is_empty() && !self.overflown
    }
}
