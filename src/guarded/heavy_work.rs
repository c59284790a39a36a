/// Runs work on the given number of bytes, which may take long: see
/// [`GuardedCollection::with_heavy_work`](super::GuardedCollection::with_heavy_work).
pub type HeavyWork = fn(usize, &mut dyn FnMut());

/// Runs the work on the caller's thread.
pub(super) fn at_once(_: usize, work: &mut dyn FnMut()) {
    work();
}
