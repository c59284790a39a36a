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

mod crashes;
mod guarded;
mod live_check;
mod logins;
mod lost_commit_answer;
mod plans;
mod racing;
mod refusals;
mod shared_changes;
mod store_parity;
mod two_worlds;
mod watcher;
mod without_transactions;

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
    if crashes::is_writer() {
        crashes::write();
        return ExitCode::SUCCESS;
    }
    // The longest tests come first, so that none of them runs alone at the end.
    let mut cases: Vec<(String, Run)> = cases! {
        two_worlds:
            no_request_distinguishes_two_worlds;
        plans:
            a_plan_uses_the_indexes_that_it_names
            plans_agree_with_decisions_for_every_operator_and_type
            plan_fixtures_hold_on_the_server
            the_server_accepts_the_largest_plans
            the_query_finds_exactly_what_the_evaluator_allows;
        lost_commit_answer:
            a_commit_is_retried_until_its_result_is_known_and_applied_once
            a_commit_without_an_answer_is_not_reported_as_done
            a_write_without_a_transaction_is_not_retried_if_its_answer_is_lost
            a_write_without_a_transaction_is_of_unknown_outcome_if_its_connection_is_cleared;
        accounts:
            an_unreadable_stored_user_is_an_error_that_names_it
            processes_that_start_concurrently_create_one_user
            an_account_that_violates_a_constraint_is_not_imported
            a_collection_whose_collation_equates_ids_is_refused
            users_that_share_an_identity_are_refused
            every_write_waits_for_a_majority
            lookups_use_an_index
            anonymous_users_are_purged_after_their_days
            an_unreadable_stored_session_is_an_error;
        attacks:
            no_answer_reveals_unreadable_data
            no_stage_sees_fields_that_the_user_may_not_read
            no_order_reveals_unreadable_documents
            no_order_reveals_unreadable_ids;
        documents:
            a_query_returns_documents_in_order_and_in_batches
            every_read_sets_read_concern_collation_and_time_limit
            given_documents_are_literals_and_not_expressions
            a_transaction_is_atomic
            one_of_two_conflicting_writers_gets_a_retryable_error
            errors_of_the_driver_are_errors_of_the_request
            a_duplicate_key_error_omits_the_value
            errors_of_the_server_keep_their_code
            a_standalone_server_has_no_transactions
            errors_of_an_unreachable_server_show_no_password;
        guarded:
            queries_see_documents_as_the_user_may_read_them
            requests_beyond_their_limits_are_refused
            a_closed_collection_reveals_only_that_it_is_closed
            documents_sorted_in_memory_have_the_order_of_the_server
            exact_queries_are_executed_by_the_server;
        changes:
            changes_show_only_what_the_user_may_read
            change_filters_do_not_see_hidden_fields
            changes_that_cannot_be_checked_are_withheld
            changes_without_images_are_delivered_if_nothing_can_be_hidden
            a_collection_is_configured_to_keep_images
            change_streams_end;
        shared_changes:
            all_watchers_of_a_collection_share_a_stream
            earlier_changes_are_not_delivered
            a_slow_reader_loses_no_change
            a_stream_that_has_ended_is_reopened
            streams_leave_connections_for_requests;
        custom_data:
            an_empty_collection_has_no_custom_data
            strings_and_object_ids_name_users
            a_string_takes_precedence_over_an_object_id_in_either_order
            among_several_documents_the_lowest_id_or_the_first_inserted_applies
            an_array_that_contains_an_id_is_ignored
            a_dotted_field_names_a_user_but_not_through_arrays
            the_field_may_be_the_document_id
            the_first_value_of_a_duplicate_key_names_the_user
            another_collation_finds_no_other_user
            large_documents_warn_and_larger_ones_fail
            too_many_documents_are_an_error
            a_lookup_is_one_command_with_a_majority_read_concern
            an_unreachable_server_is_an_error
            lookups_work_again_after_a_server_returns
            no_error_shows_a_password;
        live_check:
            missing_collections_and_views_are_reported
            only_indexes_usable_for_lookups_count
            the_document_id_always_has_an_index
            ambiguous_custom_data_documents_are_reported
            arrays_along_a_dotted_field_are_reported
            only_a_few_of_many_examples_are_shown
            a_scan_that_times_out_is_reported
            users_are_counted_in_one_pass;
        logins:
            a_token_keeps_old_custom_data_until_it_is_refreshed
            a_login_looks_up_custom_data_once
            a_revoked_session_ends_in_every_process
            changing_a_custom_data_document_ends_the_sessions_of_its_user
            a_change_of_custom_data_during_a_login_fails_it
            a_database_outage_refuses_logins_and_loses_no_user;
        racing:
            every_committed_write_is_allowed_for_the_document_it_replaced
            the_race_test_detects_writes_that_are_checked_too_early
            concurrent_writers_of_one_document_need_few_attempts;
        crashes:
            a_killed_process_leaves_no_request_half_done
            a_killed_server_loses_no_request_and_leaves_none_half_done
            a_standalone_server_serves_reads_and_refuses_several_writes;
        refusals:
            no_error_of_the_server_reveals_unreadable_data
            errors_of_the_server_have_their_text_only_for_users_who_may_read_everything;
        without_transactions:
            a_write_without_a_transaction_obeys_the_rules
            writes_with_and_without_a_transaction_have_the_same_effect
            no_write_without_a_transaction_changes_the_document_of_another_user
            no_write_without_a_transaction_reveals_unreadable_data
            a_stored_document_with_a_duplicate_key_is_not_updated_without_a_transaction;
        watcher:
            no_change_is_reported_only_after_all_changes_were_delivered
            every_write_names_the_user_of_its_document
            a_document_that_changes_its_user_names_both
            changes_of_documents_without_a_user_are_not_delivered
            a_dotted_field_is_followed
            a_field_name_with_a_dot_does_not_hide_a_user
            the_document_id_may_be_the_field
            an_abandoned_call_loses_no_change
            a_change_is_redelivered_until_it_is_acknowledged
            a_saved_state_resumes_at_its_position
            an_invalid_state_is_refused
            a_collection_that_is_dropped_or_renamed_may_change_everyone
            a_state_saved_after_a_collection_was_dropped_reports_it
            a_broken_connection_is_resumed
            a_lost_history_may_have_changed_everyone
            an_invalid_resume_token_may_have_changed_everyone
            a_change_ends_the_sessions_of_its_users
            a_large_update_is_delivered;
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
            contracts::triggers::applications_in_one_store_are_isolated(mine, other).await;
            contracts::account_events::applications_in_one_store_are_isolated(my_views, other_views).await;
        })
    });
    cases.push(("triggers::applications_in_one_store_are_isolated".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let credentials = |application| Arc::new(MongoCredentials::new(&world.database, application));
        Box::pin(contracts::credentials::applications_in_one_store_are_isolated(
            credentials("app"),
            credentials("other"),
        ))
    });
    cases.push(("credentials::applications_in_one_store_are_isolated".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let users = |application| Arc::new(MongoUsers::new(&world.database, application));
        Box::pin(contracts::users::applications_in_one_store_are_isolated(users("app"), users("other")))
    });
    cases.push(("users::applications_in_one_store_are_isolated".to_owned(), apart));
    let apart: Run = Box::new(|world| {
        let sessions = |application| Arc::new(MongoSessions::new(&world.database, application));
        Box::pin(contracts::sessions::applications_in_one_store_are_isolated(sessions("app"), sessions("other")))
    });
    cases.push(("sessions::applications_in_one_store_are_isolated".to_owned(), apart));
    let laws: [(&str, Law); 6] = [
        ("recorded_updates_match_the_server", store_parity::recorded::recorded_updates_match_the_server),
        ("recorded_queries_match_the_server", store_parity::recorded::recorded_queries_match_the_server),
        ("pipelines_return_what_the_server_returns", store_parity::finds::pipelines_return_what_the_server_returns),
        ("writes_do_what_the_server_does", store_parity::writes::writes_do_what_the_server_does),
        ("updates_do_what_the_server_does", store_parity::updates::updates_do_what_the_server_does),
        ("finds_return_what_the_server_returns", store_parity::finds::finds_return_what_the_server_returns),
    ];
    for (name, law) in laws {
        cases.push((format!("store_parity::{name}"), Box::new(law)));
    }
    mongodb::run(
        cases,
        LIMIT * store_parity::factor() + plans::extra_time() + guarded::extra_time() + two_worlds::extra_time(),
    )
}
