//! Triggers without a server: schedules, account events, two runners on one store, a process that is killed.

mod changes;
mod crashes;
mod house;
mod last_login;
pub(crate) mod recorder;
mod schedules;
mod two_runners;
