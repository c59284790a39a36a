//! The service on a MongoDB server.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../it/data.rs"]
mod data;
mod served;

use std::process::ExitCode;

use portcullis_testkit::{cases, mongodb};

fn main() -> ExitCode {
    let cases = cases! {
        served:
            data_sources_do_what_functions_ask_for
            a_pipeline_of_the_system_has_all_of_the_language
            no_action_reaches_users_and_sessions;
    };
    mongodb::run(cases, mongodb::LIMIT)
}
