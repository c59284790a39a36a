//! Users who write the same documents of the embedded store at once. What the rules say of each change is told by its history on a
//! real server (`tests/mongodb/racing.rs`); here by what is stored at the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bson::{Document, doc};
use portcullis::store::documents::{Change, DocumentStore, Namespace};
use portcullis_store::EmbeddedDocuments;

use portcullis_testkit::contracts::documents::{find, insert};
use portcullis_testkit::contracts::racing::{Answer, Dice, KEPT, check_the_end, kept, race, report, writes_of_a_task};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_concurrent_update_is_lost() {
    let namespace = Namespace::parse("test.racing").unwrap();
    let store = Arc::new(EmbeddedDocuments::in_memory().unwrap());
    insert(&*store, &namespace, &kept()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let administrator = tokio::spawn(administer(Arc::clone(&store), namespace.clone(), Arc::clone(&is_over)));
    let race = race(Arc::clone(&store) as Arc<dyn DocumentStore>, namespace.clone(), writes_of_a_task()).await;
    is_over.store(true, Ordering::Relaxed);
    let hits_by_others = administrator.await.unwrap();
    report(&race);
    let stored = find(&*store, &namespace, doc! {}).await;
    check_the_end(&race, &stored, hits_by_others);
    // What is there was last written by one who was told so, by his own name.
    let done = race.told.iter().filter(|told| matches!(told.answer, Answer::Done(_)));
    let done: BTreeSet<&str> = done.map(|told| told.serial.as_str()).collect();
    for document in &stored {
        let (by, serial) = (document.get_str("by").unwrap(), document.get_str("serial").unwrap());
        assert!(serial == "first" || serial == "admin" || done.contains(serial), "{document}");
        assert!(serial == "first" || serial.starts_with(by), "{document}");
    }
}

/// Changes documents between, by no rules. Returns how many hits it gave.
async fn administer(store: Arc<EmbeddedDocuments>, namespace: Namespace, is_over: Arc<AtomicBool>) -> i64 {
    let (mut dice, mut hits) = (Dice(99), 0);
    while !is_over.load(Ordering::Relaxed) {
        let kept = doc! { "_id": i64::try_from(dice.below(u64::try_from(KEPT).unwrap())).unwrap() };
        let set = |mut fields: Document| {
            fields.extend(doc! { "by": "admin", "serial": "admin" });
            doc! { "$set": fields }
        };
        let update = match dice.below(4) {
            0 => set(doc! { "status": "draft" }),
            1 => set(doc! { "owner": dice.user() }),
            2 => set(doc! { "level": i64::try_from(dice.below(70)).unwrap() }),
            _ => {
                hits += 1;
                let mut update = set(doc! {});
                update.insert("$inc", doc! { "hits": 1_i64 });
                update
            }
        };
        let change = Change::Operators { update, array_filters: Vec::new() };
        let mut transaction = store.begin().await.unwrap();
        assert!(transaction.update(&namespace, &kept, &change, false).await.unwrap().matched);
        transaction.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    hits
}
