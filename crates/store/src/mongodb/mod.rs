//! The stores on MongoDB (feature `mongodb`), based on the official driver. No other module talks to a MongoDB
//! server.
//!
//! Every lookup is one command to the primary with read concern `majority`, limited in time and size; every write has
//! write concern `majority`. Failures of the server or the network and invalid stored documents lead to a
//! [`StoreError`](portcullis::store::StoreError), which never contains a connection string.

mod account_events;
mod change_feed;
mod changes;
mod commands;
mod connect;
mod credentials;
mod custom_data;
mod deadline;
mod documents;
mod failure;
mod find_plan;
mod images;
mod import;
mod live;
mod managed_collection;
mod naming;
mod sessions;
mod shared_changes;
mod single;
mod stored_users;
mod transaction;
mod triggers;
mod turns;
mod users;
mod watch;

pub use account_events::MongoAccountEvents;
pub use commands::MongoCommands;
pub use connect::{ConnectError, connect, connect_streams};
pub use credentials::MongoCredentials;
pub use custom_data::MongoCustomData;
pub use documents::MongoDocuments;
pub use find_plan::{FindPlan, explain_find};
pub use images::ImagesKept;
pub use live::{Examples, LiveCheck, LiveFinding, LiveFindingKind, Others, check_live, scan_custom_data};
pub use sessions::MongoSessions;
pub use transaction::MongoTransaction;
pub use triggers::MongoTriggers;
pub use users::MongoUsers;
pub use watch::{CustomDataChange, CustomDataWatcher, WatchStateError};
