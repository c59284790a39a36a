//! Watches for changes to users' custom data.

mod change;
mod event;
mod owners;
mod scan;
mod state;
mod watcher;

pub use change::CustomDataChange;
pub use state::WatchStateError;
pub use watcher::CustomDataWatcher;
