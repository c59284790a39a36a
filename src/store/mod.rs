//! The traits through which a host stores users, their sessions and custom data, the states of triggers, and the
//! documents that guards protect. The package `portcullis-store` implements them on a file and on MongoDB. Custom data
//! can also be stored in files of extended JSON or in memory.

mod account_events;
mod credentials;
mod custom_data;
pub mod documents;
mod error;
mod export;
mod files;
mod memory;
mod recent_sessions;
mod sessions;
mod triggers;
mod users;

pub use custom_data::{CustomDataObserver, CustomDataStore, LookUpError};
pub use error::StoreError;
pub use files::{FileCustomData, FileError, Scanned};
pub use memory::MemoryCustomData;

// Logins alone keep users and sessions.
#[cfg(not(any(feature = "jwt", feature = "unstable")))]
pub(crate) use {
    recent_sessions::RecentSessions,
    sessions::{Session, Sessions},
    users::{Account, AccountState, Identity, ImportOutcome, Removed, Users, UsersError},
};
#[cfg(any(feature = "jwt", feature = "unstable"))]
pub use {
    recent_sessions::RecentSessions,
    sessions::{Session, Sessions},
    users::{Account, AccountState, Identity, ImportOutcome, Removed, Users, UsersError},
};

#[cfg(not(feature = "unstable"))]
pub(crate) use {
    account_events::{AccountEvent, AccountEvents, Telling, WaitingEvent},
    credentials::{ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, TokenPurpose},
    custom_data::{MAX_BYTES, MAX_DOCUMENTS},
    export::{ExportError, Exported},
    triggers::{Lease, Position, Progress, Switch, TriggerState, Triggers},
    users::shown,
};
#[cfg(feature = "unstable")]
pub use {
    account_events::{AccountEvent, AccountEvents, Telling, WaitingEvent},
    credentials::{ApiKey, Credentials, KeyAddition, LoginAddition, OneTimeToken, PasswordLogin, TokenPurpose},
    custom_data::{MAX_BYTES, MAX_DOCUMENTS},
    export::{ExportError, Exported},
    triggers::{Lease, Position, Progress, Switch, TriggerState, Triggers},
    users::shown,
};
