//! The application directory: where each file lies in layouts old and new, which environment holds, what `%()`
//! templates stand for. Files are found, read and handed out with their sources; what they mean is said elsewhere.

mod application;
mod custom_data;
mod discover;
mod error;
mod file;
mod functions;
mod leftover;
mod namespace;
mod problem;
mod reader;
mod services;
mod settings;
mod sync;

pub use application::{App, LoadOptions, ServiceAmbiguous};
pub use error::AppError;
pub use file::{ConfigFile, FileFinding, Part};
pub use functions::{Endpoint, Function, Provider, Trigger};
pub use namespace::Collection;
pub use problem::ProblemKind;
pub use services::{DataSource, ServiceRule};
pub use sync::SyncConfig;
