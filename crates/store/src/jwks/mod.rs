//! Third parties' keys at an HTTPS address: a [`JwksSource`](portcullis::auth::token::JwksSource) for providers whose
//! configuration has `useJWKURI`.
//!
//! The key set is fetched on first use, cached for [`HttpsJwksOptions::max_age`], and fetched again for an unknown
//! `kid`, but never within [`HttpsJwksOptions::pause`] of the previous attempt: otherwise anyone could use tokens
//! with arbitrary `kid`s to flood that address with requests. If a fetch fails, the cached set is used until it is
//! [`HttpsJwksOptions::max_stale`] old; a `kid` that it lacks is then an error, not an unknown key.
//!
//! This requires a Tokio runtime with timers and I/O enabled.

mod cache;
mod fetch;
mod https;
mod options;

pub use https::HttpsJwks;
pub use options::{HttpsJwksError, HttpsJwksOptions};
