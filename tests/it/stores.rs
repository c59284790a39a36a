//! The store that needs no server keeps the laws of every store.

use std::sync::Arc;

use portcullis::store::{Embedded, Sessions, Users};

use crate::contracts::{sessions, users};

fn empty() -> Arc<Embedded> {
    Arc::new(Embedded::in_memory().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_are_kept_by_the_laws() {
    for &(name, law) in users::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Users>).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_are_kept_by_the_laws() {
    for &(name, law) in sessions::LAWS {
        eprintln!("{name}");
        law(empty() as Arc<dyn Sessions>).await;
    }
}
