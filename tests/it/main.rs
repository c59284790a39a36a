//! One binary, a module a topic.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod accounts;
mod advice;
mod agreement;
mod allocations;
mod app;
mod auth_laws;
mod budget;
mod cli;
#[path = "../contracts/mod.rs"]
mod contracts;
mod documents;
mod fixtures;
mod functions;
mod growth;
mod jwks;
mod killed;
mod laws;
mod limits;
mod lints;
mod login;
#[allow(dead_code, unused_imports, reason = "other tests use the rest")]
mod naive;
mod now;
mod plans;
mod queries;
mod racing;
mod readme;
mod regressions;
mod stores;
mod supplied;
mod templates;
mod tokens;
mod two_worlds;
mod updates;
mod words;
#[path = "../worlds/mod.rs"]
mod worlds;
mod written;
