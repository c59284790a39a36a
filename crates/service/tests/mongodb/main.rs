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
            actions_run_under_the_rules_or_as_the_system;
        odd_values:
            no_client_value_causes_a_server_error;
        processes:
            a_session_revoked_by_one_process_is_invalid_in_the_other
            keys_created_by_two_processes_stay_within_the_limit_of_a_user
            concurrent_takeovers_in_two_processes_succeed_once;
        served:
            data_sources_satisfy_the_contract_of_functions
            pipelines_of_the_system_user_may_use_all_stages
            previous_documents_are_kept_for_enabled_triggers_that_ask_for_them
            no_action_accesses_users_and_sessions;
        triggers:
            matching_changes_are_delivered_in_order_with_their_projection
            an_update_event_has_the_document_before_and_after
            database_triggers_see_all_collections_except_internal_ones
            no_trigger_sees_the_history_of_device_sync
            unordered_changes_are_handled_concurrently_and_none_is_lost
            changes_made_without_a_runner_are_delivered_later
            two_runners_handle_each_change_once_and_in_order
            a_lost_history_suspends_the_trigger_unless_tolerated
            a_dropped_collection_suspends_the_trigger_until_it_is_resumed
            a_filter_refused_by_the_server_suspends_the_trigger_with_a_reason
            changes_during_a_pause_are_skipped_if_configured;
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
