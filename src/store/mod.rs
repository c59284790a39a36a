//! What lasts: users, their sessions, their custom data. One trait each, with implementations that need no server and
//! ones on MongoDB.
//!
//! | trait | without a server | on MongoDB (feature `mongodb`) |
//! | --- | --- | --- |
//! | [`Users`], [`Sessions`] | a file, or memory (feature `embedded`) | two collections |
//! | [`CustomDataStore`] | files of extended JSON, or memory | the application's collection |
//! | [`Store`](documents::Store): the documents that are guarded | the same file | the database |

mod custom_data;
pub mod documents;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod export;
mod files;
mod memory;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(any(feature = "embedded", feature = "mongodb"))]
mod record;
mod sessions;
mod users;

pub use custom_data::{CustomDataStore, LookUpError};
#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedDocuments};
pub use error::StoreError;
pub use export::{ExportError, Exported};
pub use files::{FileCustomData, FileError};
pub use memory::MemoryCustomData;
pub use sessions::{Session, Sessions};
pub use users::{Account, AccountState, Identity, ImportOutcome, Users, UsersError};
