//! The log of changes: written in the commit of what it tells, read by those who watch.

mod events;
mod log;
mod record;

pub(in crate::embedded) use log::CHANGES;
pub use log::ChangeLogLimits;
pub(super) use log::Logged;
pub(super) use record::Change;
