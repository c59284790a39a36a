//! Serves an application: combines its directory with the stores of its users, sessions, custom user data and documents, and
//! with the keys that sign its tokens. All of them are opened when first needed. This crate knows neither HTTP nor a
//! terminal; the server and the command build on it.
//!
//! [`Places`] says where everything is stored; [`Service`] combines that with an [`App`](portcullis::App).
//!
//! ```no_run
//! use portcullis::App;
//! use portcullis::login::Freshness;
//! use portcullis_service::{Places, Service};
//!
//! # async fn serve(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let app = App::load("my-app")?;
//! let service = Service::new(app, Places::in_directory(".portcullis"))?;
//! let bearer = service.bearer(token, Freshness::Snapshot).await?;
//! println!("{}", bearer.user.id);
//! # Ok(())
//! # }
//! ```

pub mod call_log;
pub mod client;
mod clients;
#[cfg(feature = "mongodb")]
mod custom_data_watch;
mod data;
mod documents;
mod error;
mod functions;
pub mod heavy;
mod keys;
mod places;
#[cfg(not(feature = "mongodb"))]
#[path = "no_server.rs"]
mod server;
#[cfg(feature = "mongodb")]
mod server;
mod service;
pub mod triggers;
mod watched_custom_data;

pub use clients::{Clients, ServerUri};
pub use data::DataStore;
pub use documents::{ChangesPlace, DocumentPlace};
pub use error::{ServiceError, Setting};
pub use functions::{Functions, Trial, TrialContent};
pub use places::{AccountStores, IfMissing, Places};
pub use server::Server;
pub use service::{LoginOptions, Service};
