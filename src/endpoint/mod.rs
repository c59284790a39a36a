//! What an application lets in over HTTP beside the clients' own requests: HTTPS endpoints, incoming webhooks of older applications, and
//! the Data API. Here are their settings, read and checked; a server carries them out.
//!
//! Whatever is wrong with the settings of one is an error, and that one then refuses every request.

mod admission;
mod data_api;
mod error;
mod https;
mod method;
mod reader;
mod webhook;

pub use admission::{Condition, ReturnType, RunAs, SharedSecret, Validation};
pub use data_api::DataApiConfig;
pub use error::{EndpointError, EndpointErrorKind};
pub use https::EndpointConfig;
pub use method::{Method, Methods};
pub use webhook::WebhookConfig;
