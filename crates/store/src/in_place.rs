//! Work that is long or waits for a disk, and so must not block the threads that serve other requests.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Work on more bytes than this counts as long.
pub(crate) const LARGE: usize = 64 * 1024;

/// Runs blocking work on this thread while the runtime moves its other tasks elsewhere. On a single-threaded runtime,
/// the other tasks wait.
pub(crate) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    let has_others = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { block_in_place(work) } else { work() }
}

/// The same for work on so many bytes; on few it is not worth the while.
pub(crate) fn in_place_if_large<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > LARGE { in_place(work) } else { work() }
}
