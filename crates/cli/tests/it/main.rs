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
mod command_output;
mod expressions;
mod function_findings;
mod imports;
mod links;
mod messages;
mod missing_custom_data;
mod private_addresses;
mod readme;
mod secrecy;
mod serving;
mod state;
mod tree;
mod watch;

use std::ffi::OsStr;

/// Holds the command to the cases of `fixtures/cli/<name>.json`, and all that it says to the transcript of that name; counts
/// the cases.
fn check(name: &str) -> usize {
    check_in(name, None)
}

/// As [`check`], with a directory for state, which the cases have to themselves. The command is given a relative path: help
/// shows it, and is wrapped by its length.
fn check_with_state(name: &str) -> usize {
    let place = format!("target/portcullis-{name}");
    let path = portcullis_testkit::root().join(&place);
    let _ = std::fs::remove_dir_all(&path);
    let cases = check_in(name, Some(("PORTCULLIS_STATE", OsStr::new(&place))));
    std::fs::remove_dir_all(&path).unwrap();
    cases
}

fn check_in(name: &str, kept: Option<(&'static str, &OsStr)>) -> usize {
    let fixtures = portcullis_testkit::root().join("fixtures/cli");
    let file = std::fs::read_to_string(fixtures.join(name).with_extension("json")).unwrap();
    let checked = portcullis_testkit::contracts::commands::check(env!("CARGO_BIN_EXE_portcullis"), &file, kept);
    let transcript = fixtures.join("transcripts").join(name).with_extension("txt");
    expect_test::expect_file![transcript].assert_eq(&checked.transcript);
    checked.cases
}
