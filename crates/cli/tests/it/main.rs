//! The command: one binary, a module a topic.

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
mod administration;
mod cli;
mod club;
mod expressions;
mod readme;
mod said;
mod serving;
mod supplied;
mod watch;
mod words;

use std::ffi::OsStr;

fn check(file: &str, kept: Option<(&'static str, &OsStr)>) -> usize {
    portcullis_testkit::contracts::commands::check(env!("CARGO_BIN_EXE_portcullis"), file, kept)
}
