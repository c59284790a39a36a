//! Requests other than those of client SDKs: the Data API, HTTPS endpoints and incoming webhooks. Each request must
//! pass validation, authentication and the condition, in this order, before any of it is executed.

mod answering;
mod caller;
mod condition;
mod credentials;
mod data_actions;
mod data_api;
mod entries;
mod form;
mod https;
mod incoming;
mod plain_json;
mod reply;
mod run_as;
mod to_the_end;
mod validation;
mod webhook;

pub use data_api::DataApiCall;
pub use entries::Entries;
pub use form::Form;
pub use incoming::{Incoming, Tries};
pub use plain_json::plain_json;
pub use reply::HttpReply;
