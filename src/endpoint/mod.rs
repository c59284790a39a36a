//! What an application accepts over HTTP besides the client API: HTTPS endpoints, incoming webhooks of older
//! applications, and the Data API. This module reads and checks their settings; a server implements them.
//!
//! Any error in the settings of one of them makes it reject every request.

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
