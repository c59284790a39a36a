//! What lasts: users, their sessions, their custom data. One trait each, with implementations that need no server and
//! ones on MongoDB.
//!
//! | trait | without a server | on MongoDB (feature `mongodb`) |
//! | --- | --- | --- |
//! | [`Users`] | memory, a file (feature `embedded`) | a collection |
//! | [`Sessions`] | memory, a file (feature `embedded`) | a collection |
//! | [`CustomDataStore`] | memory, files of extended JSON | the application's collection |

mod custom_data;
mod error;
#[cfg(feature = "mongodb")]
pub mod mongodb;
mod sessions;
mod users;

pub use custom_data::{CustomDataStore, LookUpError};
pub use error::StoreError;
pub use sessions::{Session, Sessions};
pub use users::{Account, AccountState, Identity, ImportOutcome, Users, UsersError};
