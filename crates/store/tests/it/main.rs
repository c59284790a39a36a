//! Stores without a server, what is logged in to through them, and keys over HTTPS: one binary, a module a topic.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod changes;
mod crashes;
mod documents;
mod failing_rules;
mod heavy_work;
mod jwks;
mod login;
mod observers;
mod queries;
mod racing;
mod schema_refusals;
mod stores;
mod two_streams;
mod two_worlds;
