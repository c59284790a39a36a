//! Applications on a real MongoDB server.

// Tests and their helpers fail by panicking; clippy does not recognize the helpers as tests.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[path = "../it/data.rs"]
mod data;
mod data_api;
mod odd_values;
mod processes;
#[path = "../it/triggers/recorder.rs"]
mod recorder;
mod served;
#[path = "../stories/mod.rs"]
mod stories;
mod triggers;

use std::process::ExitCode;

use portcullis_service::client::StorePlace;
use portcullis_testkit::mongodb::{Finished, LIMIT, Run, World};
use portcullis_testkit::{cases, mongodb};
use stories::Place;

/// A place on the shared server, with users and sessions in the test's own database.
fn place(world: &World) -> Place {
    let mut place = Place::new(|_| StorePlace::Server(world.uri.parse().unwrap()));
    place.places.database = world.database.name().to_owned();
    place
}

fn main() -> ExitCode {
    let mut cases: Vec<(String, Run)> = cases! {
        data_api:
            actions_answer_by_the_rules_and_as_the_system;
        odd_values:
            no_value_of_a_client_makes_the_server_fail;
        processes:
            a_session_that_is_revoked_by_one_process_is_dead_in_the_other
            keys_made_by_two_processes_are_no_more_than_a_user_may_have
            of_two_processes_one_gives_the_user_away;
        served:
            data_sources_do_what_functions_ask_for
            a_pipeline_of_the_system_has_all_of_the_language
            no_action_reaches_users_and_sessions;
        triggers:
            changes_are_told_in_their_order_as_they_are_wanted
            an_update_is_told_with_its_document_before_and_after
            a_database_is_told_whole_and_what_is_ours_is_told_to_nobody
            unordered_changes_are_handled_at_once_and_none_is_lost
            what_happened_while_nobody_ran_is_told_afterwards
            two_runners_handle_each_change_once_and_in_order
            a_lost_history_suspends_unless_it_is_tolerated
            a_dropped_collection_suspends_until_somebody_resumes
            a_filter_that_the_server_refuses_suspends_with_its_reason
            what_happens_while_it_is_paused_is_passed_over_if_it_is_to_be;
    };
    for (name, story) in stories::all() {
        let run: Run = Box::new(move |world: World| -> Finished {
            Box::pin(async move {
                let place = place(&world);
                let clients = place.places.clients.clone();
                story(place).await;
                clients.shut_down().await;
            })
        });
        cases.push((format!("stories::{name}"), run));
    }
    mongodb::run(cases, LIMIT)
}
