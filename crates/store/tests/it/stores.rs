//! The store that needs no server keeps the laws of every store.

use std::sync::Arc;

use portcullis::store::{Credentials, Sessions, Triggers, Users};
use portcullis_store::Embedded;

use portcullis_testkit::contracts::{account_events, credentials, sessions, triggers, users};

/// The views that events need.
fn views(store: &Arc<Embedded>) -> account_events::Store {
    account_events::Store {
        events: Arc::<Embedded>::clone(store),
        users: Arc::<Embedded>::clone(store),
        sessions: Arc::<Embedded>::clone(store),
    }
}

fn empty() -> Arc<Embedded> {
    Arc::new(Embedded::in_memory("app").unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_satisfy_the_contract() {
    for &(name, law) in users::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Users>).await;
    }
}

#[tokio::test]
async fn applications_in_one_store_are_isolated() {
    let (app, names) = (empty(), ["other", "", "app\0", "ap", "appa"]);
    for name in names {
        let other = Arc::new(app.of(name));
        users::applications_in_one_store_are_isolated(Arc::clone(&app) as _, Arc::clone(&other) as _).await;
        sessions::applications_in_one_store_are_isolated(Arc::clone(&app) as _, Arc::clone(&other) as _).await;
        let fresh = Arc::new(app.of(format!("fresh-{name}")));
        triggers::applications_in_one_store_are_isolated(fresh, Arc::clone(&other) as _).await;
        account_events::applications_in_one_store_are_isolated(views(&app), views(&other)).await;
        let other: Arc<dyn Credentials> = other;
        credentials::applications_in_one_store_are_isolated(Arc::new(app.of("app2")), other).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_satisfy_the_contract() {
    for &(name, law) in sessions::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Sessions>).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn credentials_satisfy_the_contract() {
    for &(name, law) in credentials::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Credentials>).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn triggers_satisfy_the_contract() {
    for &(name, law) in triggers::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Triggers>).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn account_events_satisfy_the_contract() {
    for &(name, law) in account_events::LAWS {
        eprintln!("{name}");
        law(views(&empty())).await;
    }
}
