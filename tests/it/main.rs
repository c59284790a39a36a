//! One binary, a module a topic.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agreement;
mod app;
mod auth_laws;
mod fixtures;
//mod laws;
mod limits;
mod naive;
