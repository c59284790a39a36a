//! Scheduled triggers.

use std::sync::Arc;
use std::time::Duration;

use portcullis::store::{Switch, Triggers};
use portcullis_service::triggers::Runner;
use portcullis_store::Embedded;

use super::house::{Hand, parts, wait_for_state};
use super::recorder::{Application, Recorder, options};

fn hourly(skips: bool) -> Application {
    let rest = format!(r#""type": "SCHEDULED", "config": {{"schedule": "0 * * * *", "skip_catchup_events": {skips}}}"#);
    Application::new(&[("hourly", &rest)])
}

fn start(app: &Application, store: &Arc<Embedded>, functions: &Arc<Recorder>, clock: &Arc<Hand>) -> Runner {
    Runner::start_with_clock(parts(app, store, functions), options(), Arc::<Hand>::clone(clock))
}

/// Waits until the schedule has been handled up to a time.
async fn until(store: &Embedded, text: &str) {
    let time = bson::DateTime::parse_rfc3339_str(text).unwrap();
    wait_for_state(store, "hourly", |state| state.ran_until == Some(time)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_runs_on_time_and_once_for_all_missed_times() {
    let (app, store, functions) = (hourly(false), Arc::new(Embedded::in_memory("app").unwrap()), Recorder::quiet());
    let clock = Hand::at("2026-01-01T10:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    until(&store, "2026-01-01T10:30:00Z").await;
    assert!(functions.told().is_empty(), "nothing was missed before its first day");
    clock.set("2026-01-01T11:00:00Z");
    functions.wait(1).await;
    until(&store, "2026-01-01T11:00:00Z").await;
    clock.set("2026-01-01T11:59:59Z");
    runner.shut_down().await;
    // No runner for six hours.
    clock.set("2026-01-01T17:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    functions.wait(2).await;
    until(&store, "2026-01-01T17:30:00Z").await;
    clock.set("2026-01-01T18:00:01Z");
    functions.wait(3).await;
    runner.shut_down().await;
    let state = Triggers::state(&*store, "hourly").await.unwrap();
    assert_eq!((functions.told(), state.runs), (vec![None, None, None], 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_skips_missed_times_waits_for_the_next_one() {
    let (app, store, functions) = (hourly(true), Arc::new(Embedded::in_memory("app").unwrap()), Recorder::quiet());
    let clock = Hand::at("2026-01-01T10:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    until(&store, "2026-01-01T10:30:00Z").await;
    runner.shut_down().await;
    clock.set("2026-01-01T17:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    until(&store, "2026-01-01T17:30:00Z").await;
    assert!(functions.told().is_empty());
    clock.set("2026-01-01T18:00:30Z");
    functions.wait(1).await;
    runner.shut_down().await;
    assert_eq!(functions.told().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_counted_and_the_schedule_continues() {
    let (app, store) = (hourly(false), Arc::new(Embedded::in_memory("app").unwrap()));
    let functions = Recorder::new(|_| Box::pin(async { Err("TypeError: 'x'\nis not defined".to_owned()) }));
    let clock = Hand::at("2026-01-01T10:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    until(&store, "2026-01-01T10:30:00Z").await;
    for (number, hour) in ["2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"].into_iter().enumerate() {
        clock.set(hour);
        functions.wait(number + 1).await;
        until(&store, hour).await;
    }
    runner.shut_down().await;
    let state = Triggers::state(&*store, "hourly").await.unwrap();
    assert_eq!((state.runs, state.failures, state.may_run()), (2, 2, true));
    assert_eq!(state.last_failure.as_deref(), Some("TypeError: 'x'\\nis not defined"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_schedule_waits_until_it_is_resumed() {
    let (app, store, functions) = (hourly(false), Arc::new(Embedded::in_memory("app").unwrap()), Recorder::quiet());
    let clock = Hand::at("2026-01-01T10:30:00Z");
    let runner = start(&app, &store, &functions, &clock);
    until(&store, "2026-01-01T10:30:00Z").await;
    let leased = wait_for_state(&store, "hourly", |state| state.lease.is_some()).await;
    store.switch("hourly", Switch::Pause).await.unwrap();
    // Once the lease is released, nothing is started.
    wait_for_state(&store, "hourly", |state| state.leased_until < leased.leased_until.max(Some(bson::DateTime::now())))
        .await;
    clock.set("2026-01-01T11:00:00Z");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(functions.told().is_empty());
    store.switch("hourly", Switch::Resume).await.unwrap();
    functions.wait(1).await;
    runner.shut_down().await;
}
