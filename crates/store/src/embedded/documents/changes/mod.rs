//! The change log: written in the same commit as the changes, and read by watchers.

mod events;
mod log;
mod record;

pub(in crate::embedded) use log::CHANGES;
pub use log::ChangeLogLimits;
pub(super) use log::Logged;
pub(super) use record::Change;
