//! `context.http`: requests to other servers, with limits, and never to private addresses unless they are allowed.

mod address;
mod answers;
mod client;
mod digest;
mod request;

pub use answers::{HttpAnswer, HttpAnswers};
pub(crate) use client::{HttpClient, canonical};
pub(crate) use request::{HttpError, OutgoingRequest};
