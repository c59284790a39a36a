//! Users, sessions and documents in one file, or in memory, without a server.

mod account_events;
mod credentials;
mod database;
mod documents;
mod file;
mod observers;
mod sessions;
mod triggers;
mod users;

pub use database::{Embedded, WeakEmbedded};
pub use documents::{ChangeLogLimits, EmbeddedDocuments};
