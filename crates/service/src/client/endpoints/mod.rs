//! What an application lets in over HTTP beside its clients' requests: the Data API, HTTPS endpoints and incoming webhooks. In each,
//! a request passes its validation, the authentication and the condition, in this order, before anything of it is carried out.

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
mod validation;
mod webhook;

pub use data_api::DataApiCall;
pub use entries::Entries;
pub use form::Form;
pub use incoming::{Incoming, Tries};
pub use plain_json::plain_json;
pub use reply::HttpReply;
