//! Keys of third parties from an HTTPS address: a [`JwksSource`](portcullis::auth::token::JwksSource) for providers whose
//! configuration has `useJWKURI`.
//!
//! The key set is fetched when it is first needed, kept for [`HttpsJwksOptions::max_age`], and fetched again for a `kid` that
//! it does not have, though never within [`HttpsJwksOptions::pause`] of the last attempt: tokens of strangers, with any
//! `kid` they like, cannot make this a weapon against the address. Where a fetch fails, a set is used until it is
//! [`HttpsJwksOptions::max_stale`] old; what it does not have is then an error, not an unknown key.
//!
//! All this needs a Tokio runtime with time and I/O.

mod cache;
mod fetch;
mod https;
mod options;

pub use https::HttpsJwks;
pub use options::{HttpsJwksError, HttpsJwksOptions};
