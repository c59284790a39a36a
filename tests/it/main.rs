//! One binary, a module a topic.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agreement;
mod allocations;
mod app;
mod auth_laws;
mod cli;
mod fixtures;
mod functions;
mod laws;
mod limits;
mod lints;
mod naive;
mod regressions;
#[cfg(feature = "jwt")]
mod tokens;
