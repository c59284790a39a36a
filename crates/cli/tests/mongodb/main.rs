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
            the_command_finds_what_its_user_may_read
            the_command_tells_what_changes_as_its_user_may_read_it
            commands_keep_documents_as_their_fixtures_say;
        on_a_server:
            the_commands_do_the_same_on_a_server
            users_are_administered_on_a_server
            the_command_says_which_index_the_server_uses
            the_command_counts_who_lacks_what
            a_function_and_a_trigger_are_tried_on_a_server;
        servers:
            what_one_server_does_the_other_knows
            two_servers_lose_nothing_when_they_and_the_database_are_killed;
        triggers:
            events_are_handled_in_order_while_each_of_two_servers_is_killed;
    };
    // Triggers stand still for the time of a lease where a server is killed, and handle a few dozen events a second on a busy machine.
    let events = u64::from(triggers::events().unsigned_abs());
    mongodb::run(cases, mongodb::LIMIT + servers::lasts() + Duration::from_secs(300 + events / 25))
}
