//! Two servers on one store: no event is handled by both at once, none is lost if one of them is gone, and those of
//! each user stay in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bson::{Bson, Document, doc};
use portcullis::store::{AccountEvent, AccountEvents, Session, Sessions, Triggers};
use portcullis_store::Embedded;

use super::house::{start, wait_for_state};
use super::recorder::{Application, Recorder, options};

const LOGIN: &str = r#""type": "AUTHENTICATION", "config": {"operation_type": "LOGIN"}"#;

async fn tell(store: &Embedded, user: &str, numbers: std::ops::Range<i32>) {
    let session = Session {
        id: format!("s-{user}"),
        user_id: user.to_owned(),
        device_id: "d".to_owned(),
        key_id: None,
        started_at: bson::DateTime::now(),
        expires_at: None,
    };
    Sessions::start(store, &session).await.unwrap();
    let event = |n: i32| AccountEvent {
        trigger: "t".to_owned(),
        user_id: user.to_owned(),
        event: doc! { "user": user, "n": n },
    };
    let events: Vec<AccountEvent> = numbers.map(event).collect();
    assert!(store.logged_in(&session.id, &events).await.unwrap());
}

fn by_user(events: &[Document]) -> BTreeMap<String, Vec<i32>> {
    let mut by_user: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for event in events {
        by_user.entry(event.get_str("user").unwrap().to_owned()).or_default().push(event.get_i32("n").unwrap());
    }
    by_user
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_are_ordered_per_user_and_independent_between_users() {
    let (app, store) = (Application::new(&[("t", LOGIN)]), Arc::new(Embedded::in_memory("app").unwrap()));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let functions = Recorder::new(move |event| {
        let gate = Arc::clone(&opened);
        Box::pin(async move {
            if event.unwrap().as_document().unwrap().get_str("user").unwrap() == "slow" {
                gate.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    });
    tell(&store, "slow", 0..200).await;
    let runners = [start(&app, &store, &functions), start(&app, &store, &functions)];
    for user in ["a", "b", "c"] {
        tell(&store, user, 0..20).await;
    }
    functions.wait(60).await;
    // Handled events are marked although no other function ends.
    wait_for_state(&store, "t", |state| state.runs == 60).await;
    gate.add_permits(200);
    functions.wait(260).await;
    for runner in runners {
        runner.shut_down().await;
    }
    let told = by_user(&functions.events());
    assert_eq!(told.len(), 4);
    for (user, numbers) in told {
        assert_eq!(numbers, (0..if user == "slow" { 200 } else { 20 }).collect::<Vec<_>>(), "{user}");
    }
    assert_eq!(store.count("t").await.unwrap(), 0);
    assert!(functions.most.load(Ordering::SeqCst) <= options().at_once);
    assert_eq!(Triggers::state(&*store, "t").await.unwrap().runs, 260);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn work_of_a_dead_runner_is_repeated_by_the_other() {
    let (app, store) = (Application::new(&[("t", LOGIN)]), Arc::new(Embedded::in_memory("app").unwrap()));
    // The functions of the first runner never end.
    let stuck = Recorder::new(|_| Box::pin(std::future::pending()));
    let first = start(&app, &store, &stuck);
    for user in ["a", "b"] {
        tell(&store, user, 0..10).await;
    }
    let leased = wait_for_state(&store, "t", |state| state.lease.is_some()).await;
    while stuck.most.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let functions = Recorder::quiet();
    let second = start(&app, &store, &functions);
    // As long as the first one renews its lease, the second one does nothing.
    wait_for_state(&store, "t", |state| state.leased_until > leased.leased_until).await;
    wait_for_state(&store, "t", |state| state.lease == leased.lease).await;
    assert!(functions.told().is_empty());
    drop(first);
    functions.wait(20).await;
    assert_eq!(by_user(&functions.events()).into_values().collect::<Vec<_>>(), vec![(0..10).collect::<Vec<_>>(); 2]);
    let state = Triggers::state(&*store, "t").await.unwrap();
    assert!(state.lease.unwrap().fence > leased.lease.unwrap().fence);
    second.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_runner_that_loses_its_lease_stops_its_work() {
    let (app, store) = (Application::new(&[("t", LOGIN)]), Arc::new(Embedded::in_memory("app").unwrap()));
    let functions = Recorder::new(|event| {
        Box::pin(async move {
            let n = event.unwrap().as_document().unwrap().get_i32("n").unwrap();
            if n == 0 {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    });
    let runner = start(&app, &store, &functions);
    tell(&store, "a", 0..1).await;
    while functions.most.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another holder acquires a later lease, as happens when the whole process is suspended for a while.
    let lease = Triggers::state(&*store, "t").await.unwrap().lease.unwrap();
    store.release(&lease).await.unwrap();
    let other = loop {
        if let Some(lease) = store.acquire("t", "other", Duration::from_secs(600)).await.unwrap() {
            break lease;
        }
    };
    let stopped = async {
        while functions.running.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopped).await.expect("it goes on without the lease");
    assert_eq!(store.count("t").await.unwrap(), 1, "the event is not lost");
    assert_eq!(Triggers::state(&*store, "t").await.unwrap().lease, Some(other));
    runner.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_or_panicking_function_does_not_delay_other_events() {
    let (app, store) = (Application::new(&[("t", LOGIN)]), Arc::new(Embedded::in_memory("app").unwrap()));
    let functions = Recorder::new(|event| {
        Box::pin(async move {
            match event.unwrap().as_document().unwrap().get_i32("n").unwrap() {
                0 => Err("Error: no".to_owned()),
                1 => panic!("by its engine"),
                _ => Ok(()),
            }
        })
    });
    tell(&store, "a", 0..4).await;
    let runner = start(&app, &store, &functions);
    let state = wait_for_state(&store, "t", |state| state.runs == 4).await;
    runner.shut_down().await;
    assert_eq!((state.failures, state.may_run()), (2, true));
    assert_eq!(functions.told().iter().filter_map(|told| told.as_ref().and_then(Bson::as_document)).count(), 3);
    assert_eq!(store.count("t").await.unwrap(), 0);
}

/// The number of events in the next test, which the environment can override.
fn event_count() -> i32 {
    std::env::var("PORTCULLIS_TRIGGER_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(2000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_events_are_handled_once_and_in_order_while_runners_start_and_stop() {
    let (app, store) = (Application::new(&[("t", LOGIN)]), Arc::new(Embedded::in_memory("app").unwrap()));
    let functions = Recorder::quiet();
    let (users, count) = (50, event_count());
    let each = count / users;
    for user in 0..users {
        tell(&store, &format!("u{user}"), 0..each).await;
    }
    let began = std::time::Instant::now();
    let mut runners = vec![start(&app, &store, &functions), start(&app, &store, &functions)];
    let total = usize::try_from(each * users).unwrap();
    for part in 1..=4 {
        functions.wait(total * part / 5).await;
        // Shut down in an orderly way, so that no event is handled twice.
        runners.remove(0).shut_down().await;
        runners.push(start(&app, &store, &functions));
    }
    while store.count("t").await.unwrap() > 0 {
        functions.wait(total - 100).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{total} events in {:?}", began.elapsed());
    for runner in runners {
        runner.shut_down().await;
    }
    let told = by_user(&functions.events());
    assert_eq!(told.len(), usize::try_from(users).unwrap());
    assert!(told.values().all(|numbers| *numbers == (0..each).collect::<Vec<_>>()));
    assert!(functions.most.load(Ordering::SeqCst) <= options().at_once);
}
