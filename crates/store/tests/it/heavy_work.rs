//! The work on batches of documents that a read lets its host run.

use std::sync::Mutex;

use bson::{Document, RawDocumentBuf, doc};
use portcullis::eval::Context;
use portcullis::guarded::{FindRequest, HeavyWork};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis::{Guard, GuardedCollection, User, json};
use portcullis_store::EmbeddedDocuments;

fn guard() -> Guard {
    let rules = r#"{"roles": [{"name": "r", "apply_when": {}, "fields": {
        "_id": {"read": true}, "text": {"read": true}, "rank": {"read": {"%%root.shows": true}}
    }}]}"#;
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")))
}

/// The sizes of the work that the host has run.
static CARRIED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn carry(bytes: usize, work: &mut dyn FnMut()) {
    CARRIED.lock().unwrap().push(bytes);
    work();
}

/// A host that runs no work. The read must still return its result, not an empty one.
fn idle(_: usize, _: &mut dyn FnMut()) {}

/// A host that runs all work twice.
fn twice(_: usize, work: &mut dyn FnMut()) {
    work();
    work();
}

#[tokio::test]
async fn redacting_sorting_and_projecting_run_through_the_host() {
    let (store, namespace, guard) =
        (EmbeddedDocuments::in_memory().unwrap(), Namespace::parse("test.heavy").unwrap(), guard());
    let text = "x".repeat(1000);
    let documents: Vec<Document> =
        (0..40).map(|n| doc! { "_id": n, "text": &text, "rank": 40 - n, "shows": n % 2 == 0 }).collect();
    let mut writing = store.begin().await.unwrap();
    for document in &documents {
        writing.insert(&namespace, document).await.unwrap();
    }
    writing.commit().await.unwrap();
    let request = r#"{"sort": {"rank": 1}, "projection": {"text": 0}}"#;
    let request = FindRequest::parse(&json::parse(request).unwrap()).unwrap();
    let find = async |heavy: Option<HeavyWork>| {
        let collection = GuardedCollection::new(&store, namespace.clone(), &guard);
        let collection = match heavy {
            Some(heavy) => collection.with_heavy_work(heavy),
            None => collection,
        };
        let found = collection.find(&request).await.unwrap().all().await.unwrap();
        found.iter().map(|raw| Document::try_from(raw).unwrap()).collect::<Vec<_>>()
    };
    let expected = find(None).await;
    let ids: Vec<i32> = expected.iter().map(|document| document.get_i32("_id").unwrap()).collect();
    // Documents whose rank is hidden come first, the others follow in the order of their rank.
    let hidden = (0..40).filter(|n| n % 2 == 1);
    assert_eq!(ids, hidden.chain((0..40).rev().filter(|n| n % 2 == 0)).collect::<Vec<_>>());
    assert!(CARRIED.lock().unwrap().is_empty());
    assert_eq!(find(Some(carry)).await, expected);
    let stored = documents.iter().map(|one| RawDocumentBuf::try_from(one).unwrap().as_bytes().len()).sum::<usize>();
    let carried = CARRIED.lock().unwrap().clone();
    // Ordering and projecting get the redacted documents, which are smaller than the stored ones.
    assert_eq!((carried.len(), carried[0]), (3, stored), "{carried:?}");
    assert!(carried[1] < stored && carried[2] == carried[1], "{carried:?}");
    assert_eq!(find(Some(idle)).await, expected);
    assert_eq!(find(Some(twice)).await, expected);
}
