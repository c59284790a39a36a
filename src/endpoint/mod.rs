//! The settings of what an application accepts over HTTP besides the client API: HTTPS endpoints, the incoming webhooks
//! of older applications, and the Data API. This module compiles them; a server implements them.
//!
//! If the settings of one of these are invalid, it rejects all requests.

mod admission;
mod data_api;
mod error;
pub(crate) mod guards;
mod header_name;
mod https;
mod method;
mod reader;
mod webhook;

pub use admission::{Condition, ReturnType, RunAs, SharedSecret, Validation};
pub use data_api::DataApiConfig;
pub use error::{EndpointError, EndpointErrorKind};
pub use header_name::header_name;
pub use https::EndpointConfig;
pub use method::{Method, Methods};
pub use webhook::WebhookConfig;
