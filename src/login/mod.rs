//! Logins and sessions. A third-party token is exchanged for a user with custom data, a session, and tokens issued by
//! Portcullis; an access token is turned into the [`User`](crate::user::User) of a request.
//!
//! All of this goes through an [`Authenticator`], which is independent of databases and HTTP: users, sessions and
//! custom data come from the traits of [`store`](crate::store), keys from [`auth::token`](crate::auth::token), and the
//! time from a [`Clock`](crate::clock::Clock). If one of these fails, so does the login, refresh or request; an error
//! of a database is never taken for "no custom data".

mod accounts;
mod announcer;
mod application;
mod assembler;
mod authenticated;
mod authenticator;
mod cache;
mod custom_data_changes;
mod custom_data_place;
mod error;
mod freshness;
mod log_in;
mod one_request;
mod sessions;
mod takeover;
mod user_creation;
mod verified_tokens;

pub use accounts::Accounts;
pub use application::{SetupError, custom_data_config, token_provider};
pub use assembler::UserAssembler;
pub use authenticated::{Authenticated, DataAge, DataSource};
pub use authenticator::Authenticator;
pub use custom_data_changes::CustomDataChanges;
pub use error::LoginError;
pub use freshness::Freshness;
pub use log_in::Login;
pub use one_request::Newcomers;
pub use sessions::Refreshed;
pub use takeover::Takeover;
pub use user_creation::{FunctionMissing, UserCreation, UserCreationRefused};

#[cfg(not(feature = "unstable"))]
pub(crate) use announcer::Announcer;
#[cfg(feature = "unstable")]
pub use announcer::Announcer;
