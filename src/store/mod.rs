//! What a host keeps: users, their sessions, their custom data, and the documents that are guarded. One trait each; the package
//! `portcullis-store` implements them on a file and on MongoDB. Custom data can also stand in files of extended JSON or in memory.

mod credentials;
mod custom_data;
pub mod documents;
mod error;
mod export;
mod files;
mod memory;
mod sessions;
mod users;

pub use credentials::{ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, TokenPurpose};
pub use custom_data::{CustomDataStore, LookUpError, MAX_BYTES, MAX_DOCUMENTS};
pub use error::StoreError;
pub use files::{FileCustomData, FileError};
pub use memory::MemoryCustomData;
pub use sessions::{Session, Sessions};
pub use users::{Account, AccountState, Identity, ImportOutcome, Removed, Users, UsersError};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    export::{ExportError, Exported},
    users::shown,
};
#[cfg(feature = "unstable")]
pub use {
    export::{ExportError, Exported},
    users::shown,
};
