//! Laws for implementations of `Triggers`.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, doc};
use portcullis::store::{Lease, Position, Progress, Switch, TriggerState, Triggers};

type Store = Arc<dyn Triggers>;

super::laws! { Store:
    one_of_several_concurrent_requests_gets_the_lease
    an_expired_lease_is_followed_by_one_with_a_greater_number
    a_renewed_lease_lasts
    a_released_lease_is_free_immediately
    an_earlier_lease_cannot_write
    progress_is_stored_as_reported
    a_trigger_is_paused_and_resumed
}

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

async fn acquire(triggers: &Store, holder: &str) -> Lease {
    triggers.acquire("t", holder, LONG).await.unwrap().expect("the lease is free")
}

/// Waits until the lease is available.
async fn wait_for(triggers: &Store, holder: &str) -> Lease {
    loop {
        if let Some(lease) = triggers.acquire("t", holder, LONG).await.unwrap() {
            return lease;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn one_of_several_concurrent_requests_gets_the_lease(triggers: Store) {
    for round in 0..5 {
        let name = format!("t{round}");
        let tasks = (0..8).map(|number| {
            let (triggers, name) = (Arc::clone(&triggers), name.clone());
            tokio::spawn(async move { triggers.acquire(&name, &number.to_string(), LONG).await.unwrap() })
        });
        let mut leases = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            leases.extend(task.await.unwrap());
        }
        assert_eq!(leases.len(), 1, "{leases:?}");
        assert_eq!(triggers.state(&name).await.unwrap().lease.as_ref(), leases.first());
    }
    // The leases of different triggers are independent.
    acquire(&triggers, "a").await;
    assert_eq!(triggers.acquire("t", "a", LONG).await.unwrap(), None, "not twice for the same holder");
}

async fn an_expired_lease_is_followed_by_one_with_a_greater_number(triggers: Store) {
    let first = triggers.acquire("t", "a", Duration::from_millis(30)).await.unwrap().unwrap();
    let second = wait_for(&triggers, "b").await;
    assert!(second.fence > first.fence, "{first:?} {second:?}");
    assert_eq!((second.trigger.as_str(), second.holder.as_str()), ("t", "b"));
}

async fn a_renewed_lease_lasts(triggers: Store) {
    let lease = triggers.acquire("t", "a", Duration::from_millis(50)).await.unwrap().unwrap();
    let before = triggers.state("t").await.unwrap().leased_until.unwrap();
    assert!(triggers.renew(&lease, LONG).await.unwrap());
    assert!(triggers.state("t").await.unwrap().leased_until.unwrap() > before);
    assert_eq!(triggers.acquire("t", "b", LONG).await.unwrap(), None);
}

async fn a_released_lease_is_free_immediately(triggers: Store) {
    let first = acquire(&triggers, "a").await;
    assert!(triggers.release(&first).await.unwrap());
    // A renewal that was sent before may arrive after it.
    assert!(!triggers.renew(&first, LONG).await.unwrap());
    let second = acquire(&triggers, "b").await;
    assert!(second.fence > first.fence);
    assert!(!triggers.release(&first).await.unwrap());
    assert_eq!(triggers.acquire("t", "c", LONG).await.unwrap(), None, "the second lease was not touched");
}

async fn an_earlier_lease_cannot_write(triggers: Store) {
    let old = triggers.acquire("t", "a", Duration::from_millis(20)).await.unwrap().unwrap();
    let new = wait_for(&triggers, "b").await;
    let state = triggers.state("t").await.unwrap();
    let progress = Progress { runs: 1, position: Some(Position::After(doc! { "x": 1 })), ..Progress::default() };
    assert!(!triggers.note(&old, &progress).await.unwrap());
    assert!(!triggers.renew(&old, Duration::from_secs(1)).await.unwrap());
    assert!(!triggers.release(&old).await.unwrap());
    let forged = Lease { holder: "b".to_owned(), ..old };
    assert!(!triggers.note(&forged, &progress).await.unwrap());
    assert_eq!(triggers.state("t").await.unwrap(), state);
    assert!(triggers.note(&new, &progress).await.unwrap());
}

async fn progress_is_stored_as_reported(triggers: Store) {
    assert_eq!(triggers.state("t").await.unwrap(), TriggerState::default());
    let lease = acquire(&triggers, "a").await;
    let time = DateTime::from_millis(1_700_000_000_123);
    let position = doc! { "_data": "82", "n": 1_i64, "nested": { "$a.b": [1, null] } };
    let first = Progress {
        position: Some(Position::After(position.clone())),
        ran_until: Some(time),
        runs: 3,
        failures: 1,
        last_failure: Some("TypeError: $x \u{0}".to_owned()),
        suspended: None,
    };
    assert!(triggers.note(&lease, &first).await.unwrap());
    assert!(triggers.note(&lease, &Progress { runs: 2, ..Progress::default() }).await.unwrap());
    let state = triggers.state("t").await.unwrap();
    assert_eq!(state.position, Some(position));
    assert_eq!((state.ran_until, state.runs, state.failures), (Some(time), 5, 1));
    assert_eq!(state.last_failure.as_deref(), Some("TypeError: $x \u{0}"));
    assert!(state.may_run());
    let end = Progress {
        position: Some(Position::Forgotten),
        suspended: Some("the collection is gone".to_owned()),
        ..Progress::default()
    };
    assert!(triggers.note(&lease, &end).await.unwrap());
    let state = triggers.state("t").await.unwrap();
    assert_eq!((state.position, state.suspended.as_deref()), (None, Some("the collection is gone")));
    assert_eq!(state.lease, Some(lease));
}

async fn a_trigger_is_paused_and_resumed(triggers: Store) {
    // A trigger can be paused before its first run.
    triggers.switch("t", Switch::Pause).await.unwrap();
    assert!(triggers.state("t").await.unwrap().is_paused);
    let lease = acquire(&triggers, "a").await;
    assert!(triggers.state("t").await.unwrap().is_paused, "a lease does not start it");
    let progress = Progress {
        position: Some(Position::After(doc! { "_data": "1" })),
        ran_until: Some(DateTime::from_millis(7)),
        suspended: Some("lost".to_owned()),
        ..Progress::default()
    };
    assert!(triggers.note(&lease, &progress).await.unwrap());
    triggers.switch("t", Switch::Resume).await.unwrap();
    let state = triggers.state("t").await.unwrap();
    assert!(state.may_run() && state.position.is_some() && state.ran_until.is_some(), "{state:?}");
    assert_eq!(state.lease, Some(lease));
    triggers.switch("t", Switch::ResumeFromNow).await.unwrap();
    let state = triggers.state("t").await.unwrap();
    assert!(state.may_run() && state.position.is_none() && state.ran_until.is_none(), "{state:?}");
    assert_eq!(triggers.state("other").await.unwrap(), TriggerState::default());
}

/// Not in the table above, since it needs two views of the same store.
pub async fn applications_in_one_store_are_isolated(mine: Store, other: Store) {
    let lease = acquire(&mine, "a").await;
    let theirs = acquire(&other, "a").await;
    assert!(mine.note(&lease, &Progress { runs: 1, ..Progress::default() }).await.unwrap());
    other.switch("t", Switch::Pause).await.unwrap();
    assert_eq!(other.state("t").await.unwrap().runs, 0);
    assert!(!mine.state("t").await.unwrap().is_paused);
    assert!(other.release(&theirs).await.unwrap());
    assert_eq!(mine.acquire("t", "b", LONG).await.unwrap(), None);
}
