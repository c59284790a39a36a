//! Work that takes long or waits for a disk, and so must not block the threads that serve other requests.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// The number of bytes above which work counts as long.
pub(crate) const LARGE: usize = 64 * 1024;

/// Runs blocking work on this thread after the runtime has moved the thread's other tasks elsewhere. On a
/// single-threaded runtime, they wait.
pub(crate) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    let has_others = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { block_in_place(work) } else { work() }
}

/// Like [`in_place`] for work on more than [`LARGE`] bytes; less work runs directly, since moving tasks would cost
/// more.
pub(crate) fn in_place_if_large<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > LARGE { in_place(work) } else { work() }
}
