//! Users and sessions in one file, or in memory, without a server.

mod database;
mod sessions;
mod users;

pub use database::Embedded;
