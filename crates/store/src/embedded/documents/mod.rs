//! Documents in a file, with MongoDB's semantics of queries and updates.

mod change_feed;
mod changes;
mod collection;
mod cursor;
mod deferred;
mod failure;
mod id_key;
mod names;
mod pipeline;
mod stage;
mod store;
mod transaction;

pub(super) use changes::CHANGES;
pub use changes::ChangeLogLimits;
pub(super) use collection::{DOCUMENTS, IDS};
pub use store::EmbeddedDocuments;
