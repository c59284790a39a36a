//! `context.http`: HTTP requests to other servers, with limits, and never to private addresses unless those are
//! permitted.

mod address;
mod answers;
mod client;
mod digest;
mod request;

pub use answers::{HttpAnswer, HttpAnswers};
pub(crate) use client::HttpClient;
pub(crate) use request::{HttpError, OutgoingRequest};
