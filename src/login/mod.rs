//! Logging in and staying logged in: a third-party token becomes a Portcullis user with custom data, a session, and
//! tokens issued by Portcullis; an access token becomes the [`User`](crate::user::User) of a request.
//!
//! Everything goes through an [`Authenticator`]. It knows no database and no HTTP: users, sessions and custom data come
//! through the traits of [`store`](crate::store), keys through [`auth::token`](crate::auth::token), the time through
//! [`Clock`](crate::clock::Clock). If any of them fails, so does the login, the refresh or the request; a database
//! error is never treated as "no custom data".

mod accounts;
mod announcer;
mod application;
mod assembler;
mod authenticated;
mod authenticator;
mod cache;
mod custom_data_place;
mod error;
mod freshness;
mod log_in;
mod one_request;
mod sessions;
mod takeover;
mod user_creation;

pub use accounts::Accounts;
pub use application::{SetupError, custom_data_config, token_provider};
pub use assembler::UserAssembler;
pub use authenticated::{Authenticated, DataAge, DataSource};
pub use authenticator::Authenticator;
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
