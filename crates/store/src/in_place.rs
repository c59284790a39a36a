//! Work that takes long or waits for a disk, which must not keep the threads busy that answer others.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Of more bytes than these, work takes long.
pub(crate) const LARGE: usize = 64 * 1024;

/// Does work while other threads of the runtime take over what this one would do. Where there are none, it is done as all other work.
pub(crate) fn in_place<T>(work: impl FnOnce() -> T) -> T {
    let has_others = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { block_in_place(work) } else { work() }
}

/// The same for work on so many bytes; on few it is not worth the while.
pub(crate) fn in_place_if_large<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes > LARGE { in_place(work) } else { work() }
}
