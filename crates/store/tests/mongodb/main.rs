//! What stands on MongoDB, against a real server. Where none can be had, every test is counted as ignored, with the reason;
//! with `PORTCULLIS_MONGODB_REQUIRED=1` as failed.

// A test that cannot go on fails by panicking, also inside its helpers, which clippy does not take for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::ExitCode;
use std::sync::Arc;

use portcullis::store::documents::Namespace;
use portcullis_store::mongodb::{
    MongoAccountEvents, MongoCredentials, MongoDocuments, MongoSessions, MongoTriggers, MongoUsers,
};
use portcullis_testkit::mongodb::{Finished, LIMIT, Run, World};
use portcullis_testkit::{cases, contracts, mongodb};

mod accounts;
mod attacks;
mod changes;
mod custom_data;
mod documents;
mod replaying_store;

mod guarded;
mod killed;
mod live;
mod logins;
mod lost_commit_answer;
mod plans;
mod racing;
mod refusals;
mod shared_changes;
mod single;
mod store_parity;
mod two_worlds;
mod watcher;

type Law = fn(World) -> Finished;

/// The views that events of users need.
fn account_views(world: &World, application: &str) -> contracts::account_events::Store {
    contracts::account_events::Store {
        events: Arc::new(MongoAccountEvents::new(&world.database, application)),
        users: Arc::new(MongoUsers::new(&world.database, application)),
        sessions: Arc::new(MongoSessions::new(&world.database, application)),
    }
}

fn main() -> ExitCode {
    if killed::is_writer() {
        killed::write();
        return ExitCode::SUCCESS;
    }
    // The longest first, so that none of them runs alone at the end.
    let mut cases: Vec<(String, Run)> = cases! {
        two_worlds:
            no_request_tells_two_worlds_apart;
        plans:
            a_plan_uses_the_indexes_that_it_names
            every_operator_finds_fields_of_every_type_as_it_decides
            the_fixtures_of_plans_hold_on_the_server
            the_largest_plans_are_run_by_the_server
            the_query_finds_exactly_what_the_evaluator_allows;
        lost_commit_answer:
            a_commit_is_asked_for_again_until_it_is_known_and_happens_once
            of_a_commit_that_is_never_answered_nobody_says_that_it_happened
            a_write_without_a_transaction_whose_answer_is_lost_is_not_done_again
            a_write_without_a_transaction_whose_connection_is_cleared_may_have_happened;
        accounts:
            a_stored_user_that_does_not_read_back_is_an_error_that_names_it
            processes_that_start_at_once_make_one_user
            an_account_that_breaks_a_rule_is_not_imported
            a_collection_in_which_different_ids_are_equal_is_refused
            users_that_share_an_identity_are_not_served
            every_write_waits_for_a_majority
            look_ups_use_an_index
            anonymous_users_are_purged_after_their_days
            a_stored_session_that_does_not_read_back_is_an_error;
        attacks:
            no_answer_tells_what_may_not_be_read
            no_stage_sees_more_of_a_document_than_its_reader
            no_order_tells_of_documents_that_may_not_be_read
            no_order_tells_of_ids_that_may_not_be_read;
        documents:
            a_query_is_answered_in_order_and_in_batches
            every_read_has_its_guarantees
            given_documents_are_values_and_no_expressions
            a_transaction_happens_whole_or_not_at_all
            of_two_writers_one_is_told_to_try_again
            what_the_driver_refuses_is_the_requests_fault
            a_duplicate_key_tells_no_value
            what_the_server_refuses_has_its_code
            a_single_server_has_no_transactions
            a_server_that_is_gone_shows_no_password;
        guarded:
            a_query_means_what_it_means_on_the_documents_as_the_user_may_read_them
            more_than_a_request_may_take_is_refused
            a_closed_collection_says_so_and_no_more
            documents_sorted_here_stand_as_the_server_sorts_them
            what_is_exact_is_done_by_the_server;
        changes:
            a_change_is_what_the_user_sees_of_it
            a_filter_of_changes_sees_no_hidden_field
            what_nobody_can_judge_is_withheld
            what_cannot_be_hidden_is_told_without_images
            a_collection_is_made_to_keep_images
            a_stream_of_changes_ends;
        shared_changes:
            all_who_watch_a_collection_share_a_stream
            what_happened_before_is_not_told
            a_reader_is_as_slow_as_it_likes
            a_stream_that_has_ended_is_opened_anew
            streams_leave_connections_to_requests;
        custom_data:
            nobody_has_data_in_an_empty_collection
            a_string_and_an_object_id_name_a_user
            a_string_beats_an_object_id_in_either_order
            of_several_the_lowest_id_counts_or_else_the_first_inserted
            an_array_that_claims_an_id_does_not_count
            a_dotted_field_names_a_user_but_not_through_arrays
            the_field_may_be_the_document_id
            a_key_that_stands_twice_counts_by_its_first
            another_collation_finds_nobody_else
            large_documents_warn_and_larger_ones_fail
            too_many_documents_are_an_error
            a_look_up_is_one_command_with_its_guarantees
            a_server_that_is_not_there_is_an_error
            a_server_that_comes_back_answers_again
            no_error_shows_a_password;
        live:
            a_collection_that_is_none_is_found
            only_an_index_that_serves_look_ups_counts
            the_document_id_always_has_an_index
            documents_that_mislead_are_found
            arrays_along_a_dotted_field_are_found
            few_examples_are_shown_of_many
            what_does_not_finish_in_time_is_found
            users_are_counted_in_one_pass;
        logins:
            a_token_goes_stale_until_its_refresh_sees_the_change
            a_login_asks_for_custom_data_once
            a_revoked_session_is_over_in_every_process
            a_changed_document_ends_the_sessions_of_its_user
            a_change_during_a_login_ends_it
            a_server_that_is_down_lets_nobody_in_and_forgets_nobody;
        racing:
            no_write_is_committed_that_the_rules_deny_for_the_document_of_the_moment
            a_write_that_is_judged_too_early_is_found
            writers_of_one_document_take_turns;
        killed:
            a_process_that_is_killed_leaves_no_request_half_done
            a_server_that_is_killed_loses_no_request_and_halves_none
            a_single_server_is_read_and_not_written;
        refusals:
            no_refusal_of_the_server_tells_what_may_not_be_read
            a_refusal_of_the_server_has_its_code_only_for_who_sees_everything;
        single:
            a_write_without_a_transaction_keeps_to_the_rules
            a_write_without_a_transaction_does_the_same_as_within_one
            no_write_without_a_transaction_meets_the_document_of_another
            no_write_without_a_transaction_tells_what_may_not_be_read
            a_stored_document_with_a_key_twice_is_not_updated_without_a_transaction;
        watcher:
            silence_is_told_once_everything_is
            every_write_names_the_user_of_its_document
            a_document_that_changes_hands_names_both
            what_names_nobody_is_not_told
            a_dotted_field_is_followed
            a_name_with_a_dot_hides_no_user
            the_document_id_may_be_the_field
            an_abandoned_call_loses_nothing
            a_change_is_told_until_it_is_settled
            a_saved_state_goes_on_where_it_was
            what_is_no_state_is_refused
            a_collection_that_is_dropped_or_renamed_may_change_everyone
            a_state_saved_after_the_end_of_a_collection_tells_of_it
            a_connection_that_breaks_is_taken_up_again
            a_lost_history_may_have_changed_everyone
            a_token_that_means_nothing_may_hide_any_change
            a_change_ends_the_sessions_of_its_users
            a_large_update_is_told;
    };
    for &(name, law) in contracts::users::LAWS {
        let run: Run = Box::new(move |world| law(Arc::new(MongoUsers::new(&world.database, "app"))));
        cases.push((format!("users::{name}"), run));
    }
    for (module, laws) in [
        ("documents", contracts::documents::LAWS),
        ("writes", contracts::writes::LAWS),
        ("refusals", contracts::refusals::LAWS),
    ] {
        for &(name, law) in laws {
            let run: Run = Box::new(move |world| {
                let namespace = Namespace::parse(&format!("{}.documents", world.database.name())).unwrap();
                law((Arc::new(MongoDocuments::new(&world.client)), namespace))
            });
            cases.push((format!("{module}::{name}"), run));
        }
    }
    for &(name, law) in contracts::changes::LAWS {
        let run: Run = Box::new(move |world| Box::pin(async move { law(changes::given(&world).await).await }));
        cases.push((format!("changes::{name}"), run));
    }
    for &(name, law) in contracts::sessions::LAWS {
        let run: Run = Box::new(move |world| law(Arc::new(MongoSessions::new(&world.database, "app"))));
        cases.push((format!("sessions::{name}"), run));
    }
    for &(name, law) in contracts::credentials::LAWS {
        let run: Run = Box::new(move |world| law(Arc::new(MongoCredentials::new(&world.database, "app"))));
        cases.push((format!("credentials::{name}"), run));
    }
    for &(name, law) in contracts::triggers::LAWS {
        let run: Run = Box::new(move |world| law(Arc::new(MongoTriggers::new(&world.database, "app"))));
        cases.push((format!("triggers::{name}"), run));
    }
    for &(name, law) in contracts::account_events::LAWS {
        let run: Run = Box::new(move |world| law(account_views(&world, "app")));
        cases.push((format!("account_events::{name}"), run));
    }
    let apart: Run = Box::new(|world| {
        let triggers = |application| Arc::new(MongoTriggers::new(&world.database, application));
        let (mine, other) = (triggers("app"), triggers("other"));
        let (my_views, other_views) = (account_views(&world, "app"), account_views(&world, "other"));
        Box::pin(async move {
            contracts::triggers::two_applications_in_one_store_never_meet(mine, other).await;
            contracts::account_events::two_applications_in_one_store_never_meet(my_views, other_views).await;
        })
    });
    cases.push(("triggers::two_applications_in_one_store_never_meet".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let credentials = |application| Arc::new(MongoCredentials::new(&world.database, application));
        Box::pin(contracts::credentials::two_applications_in_one_store_never_meet(
            credentials("app"),
            credentials("other"),
        ))
    });
    cases.push(("credentials::two_applications_in_one_store_never_meet".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let users = |application| Arc::new(MongoUsers::new(&world.database, application));
        Box::pin(contracts::users::two_applications_in_one_store_never_meet(users("app"), users("other")))
    });
    cases.push(("users::two_applications_in_one_store_never_meet".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let sessions = |application| Arc::new(MongoSessions::new(&world.database, application));
        Box::pin(contracts::sessions::two_applications_in_one_store_never_meet(sessions("app"), sessions("other")))
    });
    cases.push(("sessions::two_applications_in_one_store_never_meet".to_owned(), apart));
    let laws: [(&str, Law); 6] = [
        (
            "recorded_updates_are_what_the_server_does",
            store_parity::recorded::recorded_updates_are_what_the_server_does,
        ),
        (
            "recorded_queries_are_what_the_server_answers",
            store_parity::recorded::recorded_queries_are_what_the_server_answers,
        ),
        ("pipelines_bring_the_same", store_parity::finds::pipelines_bring_the_same),
        ("writes_do_the_same", store_parity::writes::writes_do_the_same),
        ("updates_do_the_same", store_parity::updates::updates_do_the_same),
        ("finds_bring_the_same", store_parity::finds::finds_bring_the_same),
    ];
    for (name, law) in laws {
        cases.push((format!("store_parity::{name}"), Box::new(law)));
    }
    mongodb::run(
        cases,
        LIMIT * store_parity::factor() + plans::extra_time() + guarded::extra_time() + two_worlds::extra_time(),
    )
}
