//! The command on MongoDB, against a real server.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use portcullis_testkit::{cases, mongodb};

mod commands;
mod on_a_server;
mod servers;
mod triggers;

fn check(file: &str, kept: Option<(&'static str, &OsStr)>) -> usize {
    portcullis_testkit::contracts::commands::check(env!("CARGO_BIN_EXE_portcullis"), file, kept).cases
}

fn main() -> ExitCode {
    let cases = cases! {
        commands:
            query_returns_only_what_the_user_may_read
            watch_shows_changes_as_the_user_may_read_them
            document_commands_match_their_fixtures;
        on_a_server:
            commands_behave_the_same_on_a_server
            users_are_administered_on_a_server
            explain_shows_the_index_used_by_the_server
            check_live_counts_users_without_each_field
            a_function_and_a_trigger_are_tried_on_a_server;
        servers:
            changes_made_by_one_server_are_known_to_the_other
            killing_servers_and_the_database_loses_nothing;
        triggers:
            events_are_handled_in_order_while_each_of_two_servers_is_killed;
    };
    // Triggers stand still for the time of a lease where a server is killed, and handle a few dozen events a second on a busy machine.
    let events = u64::from(triggers::events().unsigned_abs());
    mongodb::run(cases, mongodb::LIMIT + servers::lasts() + Duration::from_secs(300 + events / 25))
}
