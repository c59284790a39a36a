//! Laws for stores that report changes.

use std::sync::Arc;
use std::time::Instant;

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{
    Change, ChangeOperation, DocumentStore, DocumentsError, Event, Events, Namespace, StoredChange, Watch, WatchScope,
    WatchStart,
};

use super::documents::insert;

/// A store, its source of changes, and an empty collection whose changes are reported with the documents before and
/// after.
#[derive(Clone)]
pub struct Given {
    pub store: Arc<dyn DocumentStore>,
    pub changes: Arc<dyn Watch>,
    pub namespace: Namespace,
}

super::laws! { Given:
    every_change_has_the_document_before_and_after
    an_update_without_effect_is_not_a_change
    a_stream_resumes_after_any_change
    a_stream_without_changes_resumes_where_it_was
    a_transaction_is_delivered_whole_when_it_is_committed
    an_aborted_transaction_is_not_delivered
    each_stream_receives_the_changes_in_its_scope
    an_invalid_position_is_refused
    a_waiting_stream_is_woken_by_a_change
}

impl Given {
    async fn watch(&self, from: WatchStart) -> Box<dyn Events + '_> {
        self.changes.watch(&WatchScope::Collection(self.namespace.clone()), from).await.unwrap()
    }

    async fn update(&self, filter: Document, change: Change, upsert: bool) {
        let mut transaction = self.store.begin().await.unwrap();
        transaction.update(&self.namespace, &filter, &change, upsert).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn delete(&self, id: Bson) {
        let mut transaction = self.store.begin().await.unwrap();
        transaction.delete(&self.namespace, &id).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn insert(&self, documents: &[Document]) {
        insert(&*self.store, &self.namespace, documents).await;
    }

    /// Another collection in the same database.
    fn beside(&self) -> Namespace {
        Namespace::parse(&format!("{}2", self.namespace)).unwrap()
    }
}

fn set(update: Document) -> Change {
    Change::Operators { update: doc! { "$set": update }, array_filters: Vec::new() }
}

/// The next change; waits for up to half a minute.
pub async fn next(events: &mut (dyn Events + '_)) -> StoredChange {
    for _ in 0..30 {
        match events.next().await.unwrap() {
            Some(Event::Change(change)) => return *change,
            Some(Event::Ended) => panic!("the stream ended"),
            None => {}
        }
    }
    panic!("nothing happened")
}

async fn take(events: &mut (dyn Events + '_), count: usize) -> Vec<StoredChange> {
    let mut changes = Vec::new();
    while changes.len() < count {
        changes.push(next(events).await);
    }
    changes
}

async fn is_quiet(events: &mut (dyn Events + '_)) -> bool {
    events.next().await.unwrap().is_none()
}

type Shown = (ChangeOperation, Bson, Option<Document>, Option<Document>);

fn shown(change: &StoredChange) -> Shown {
    let image = |image: &Option<RawDocumentBuf>| image.as_ref().map(|image| Document::try_from(image).unwrap());
    (change.operation, change.id.clone(), image(&change.before), image(&change.after))
}

fn inserted(document: Document) -> Shown {
    (ChangeOperation::Insert, document.get("_id").unwrap().clone(), None, Some(document))
}

async fn every_change_has_the_document_before_and_after(given: Given) {
    let mut events = given.watch(WatchStart::Now).await;
    given.insert(&[doc! { "_id": 1, "n": 1 }]).await;
    given.update(doc! { "_id": 1 }, set(doc! { "n": 2, "a.b": [1] }), false).await;
    given.update(doc! { "_id": 1 }, Change::Replacement(doc! { "m": 3 }), false).await;
    given.update(doc! { "_id": 2, "k": 4 }, set(doc! { "n": 5 }), true).await;
    given.delete(Bson::Int32(1)).await;
    let changes = take(&mut *events, 5).await;
    let updated = doc! { "_id": 1, "n": 2, "a": { "b": [1] } };
    let replaced = doc! { "_id": 1, "m": 3 };
    let expected = [
        inserted(doc! { "_id": 1, "n": 1 }),
        (ChangeOperation::Update, 1.into(), Some(doc! { "_id": 1, "n": 1 }), Some(updated.clone())),
        (ChangeOperation::Replace, 1.into(), Some(updated), Some(replaced.clone())),
        inserted(doc! { "_id": 2, "k": 4, "n": 5 }),
        (ChangeOperation::Delete, 1.into(), Some(replaced), None),
    ];
    assert_eq!(changes.iter().map(shown).collect::<Vec<_>>(), expected);
    assert!(changes.iter().all(|change| change.namespace == given.namespace));
    let times: Vec<_> = changes.iter().map(|change| change.time).collect();
    assert!(times.is_sorted(), "{times:?}");
    let now = u32::try_from(bson::DateTime::now().timestamp_millis() / 1000).unwrap();
    assert!(times.iter().all(|time| time.time.abs_diff(now) < 120), "{times:?}");
}

async fn an_update_without_effect_is_not_a_change(given: Given) {
    given.insert(&[doc! { "_id": 1, "n": 1 }]).await;
    let mut events = given.watch(WatchStart::Now).await;
    given.update(doc! { "_id": 1 }, set(doc! { "n": 1 }), false).await;
    given.update(doc! { "_id": 7 }, set(doc! { "n": 1 }), false).await;
    given.update(doc! { "_id": 1 }, Change::Replacement(doc! { "_id": 1, "n": 1 }), false).await;
    given.delete(Bson::Int32(7)).await;
    given.insert(&[doc! { "_id": 2 }]).await;
    assert_eq!(shown(&next(&mut *events).await), inserted(doc! { "_id": 2 }));
}

async fn a_stream_resumes_after_any_change(given: Given) {
    let mut events = given.watch(WatchStart::Now).await;
    for id in 0..5 {
        given.insert(&[doc! { "_id": id }, doc! { "_id": 10 + id }]).await;
    }
    let changes = take(&mut *events, 10).await;
    for (number, change) in changes.iter().enumerate() {
        let mut again = given.watch(WatchStart::After(change.position.clone())).await;
        let rest = take(&mut *again, 9 - number).await;
        assert_eq!(rest, changes[number + 1..]);
        assert!(is_quiet(&mut *again).await);
    }
    // The position of a stream is the position of the change that it returned last.
    let mut again = given.watch(WatchStart::After(changes[3].position.clone())).await;
    next(&mut *again).await;
    let position = again.position().unwrap();
    let mut later = given.watch(WatchStart::After(position)).await;
    assert_eq!(take(&mut *later, 5).await, changes[5..]);
}

async fn a_stream_without_changes_resumes_where_it_was(given: Given) {
    let mut events = given.watch(WatchStart::Now).await;
    assert!(is_quiet(&mut *events).await);
    let position = events.position().unwrap();
    given.insert(&[doc! { "_id": 1 }]).await;
    let mut again = given.watch(WatchStart::After(position)).await;
    assert_eq!(shown(&next(&mut *again).await), inserted(doc! { "_id": 1 }));
}

async fn a_transaction_is_delivered_whole_when_it_is_committed(given: Given) {
    given.insert(&[doc! { "_id": 0, "n": 0 }]).await;
    let mut events = given.watch(WatchStart::Now).await;
    let mut transaction = given.store.begin().await.unwrap();
    transaction.insert(&given.namespace, &doc! { "_id": 1 }).await.unwrap();
    transaction.update(&given.namespace, &doc! { "_id": 0 }, &set(doc! { "n": 1 }), false).await.unwrap();
    transaction.update(&given.namespace, &doc! { "_id": 0 }, &set(doc! { "n": 2 }), false).await.unwrap();
    transaction.delete(&given.namespace, &Bson::Int32(1)).await.unwrap();
    assert!(is_quiet(&mut *events).await, "it is told before it is committed");
    transaction.commit().await.unwrap();
    let changes: Vec<_> = take(&mut *events, 4).await.iter().map(shown).collect();
    let document = |n: i32| doc! { "_id": 0, "n": n };
    let expected = [
        inserted(doc! { "_id": 1 }),
        (ChangeOperation::Update, 0.into(), Some(document(0)), Some(document(1))),
        (ChangeOperation::Update, 0.into(), Some(document(1)), Some(document(2))),
        (ChangeOperation::Delete, 1.into(), Some(doc! { "_id": 1 }), None),
    ];
    assert_eq!(changes, expected);
}

async fn an_aborted_transaction_is_not_delivered(given: Given) {
    given.insert(&[doc! { "_id": 0, "n": 0 }]).await;
    let mut events = given.watch(WatchStart::Now).await;
    for _ in 0..2 {
        let mut transaction = given.store.begin().await.unwrap();
        transaction.insert(&given.namespace, &doc! { "_id": 1 }).await.unwrap();
        transaction.delete(&given.namespace, &Bson::Int32(0)).await.unwrap();
        transaction.abort().await;
    }
    // The same for a transaction in which a write fails.
    let mut transaction = given.store.begin().await.unwrap();
    transaction.insert(&given.namespace, &doc! { "_id": 2 }).await.unwrap();
    transaction.insert(&given.namespace, &doc! { "_id": 0 }).await.unwrap_err();
    transaction.abort().await;
    given.insert(&[doc! { "_id": 3 }]).await;
    assert_eq!(shown(&next(&mut *events).await), inserted(doc! { "_id": 3 }));
}

async fn each_stream_receives_the_changes_in_its_scope(given: Given) {
    let beside = given.beside();
    insert(&*given.store, &beside, &[doc! { "_id": 0 }]).await;
    let database = WatchScope::Database(given.namespace.database().to_owned());
    let other = WatchScope::Database(format!("{}x", given.namespace.database()));
    let mut collection = given.watch(WatchStart::Now).await;
    let mut database = given.changes.watch(&database, WatchStart::Now).await.unwrap();
    let mut everything = given.changes.watch(&WatchScope::Everything, WatchStart::Now).await.unwrap();
    let mut other = given.changes.watch(&other, WatchStart::Now).await.unwrap();
    let mut transaction = given.store.begin().await.unwrap();
    transaction.insert(&beside, &doc! { "_id": 1 }).await.unwrap();
    transaction.insert(&given.namespace, &doc! { "_id": 2 }).await.unwrap();
    transaction.insert(&beside, &doc! { "_id": 3 }).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(next(&mut *collection).await.id, Bson::Int32(2));
    let all = take(&mut *database, 3).await;
    let places: Vec<_> = all.iter().map(|change| (&change.namespace, change.id.clone())).collect();
    assert_eq!(places, [(&beside, 1.into()), (&given.namespace, 2.into()), (&beside, 3.into())]);
    // Other tests may write to other databases of the same server at the same time.
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let change = next(&mut *everything).await;
        if change.namespace.database() == given.namespace.database() {
            seen.push(change);
        }
    }
    assert_eq!(seen.iter().map(shown).collect::<Vec<_>>(), all.iter().map(shown).collect::<Vec<_>>());
    assert!(is_quiet(&mut *collection).await && is_quiet(&mut *other).await);
}

async fn an_invalid_position_is_refused(given: Given) {
    let scope = WatchScope::Collection(given.namespace.clone());
    for nonsense in [doc! {}, doc! { "a": 1 }, doc! { "_data": 1, "number": "1" }] {
        assert!(given.changes.watch(&scope, WatchStart::After(nonsense)).await.is_err());
    }
}

async fn a_waiting_stream_is_woken_by_a_change(given: Given) {
    // The first insert takes longer, since it creates the collection.
    given.insert(&[doc! { "_id": 0 }]).await;
    let mut events = given.watch(WatchStart::Now).await;
    assert!(is_quiet(&mut *events).await);
    let writer = given.clone();
    let written = tokio::spawn(async move {
        writer.insert(&[doc! { "_id": 1 }]).await;
        Instant::now()
    });
    // Without a change, this would return after about a second.
    let event = events.next().await.unwrap();
    let (told, written) = (Instant::now(), written.await.unwrap());
    let Some(Event::Change(change)) = event else { panic!("{event:?}") };
    assert_eq!(change.id, Bson::Int32(1));
    assert!(told.saturating_duration_since(written).as_millis() < 900);
}

/// Whether a stream is refused because the history after its position is lost.
pub async fn is_lost(changes: &dyn Watch, scope: &WatchScope, position: Document) -> bool {
    match changes.watch(scope, WatchStart::After(position)).await {
        Err(DocumentsError::HistoryLost) => true,
        Err(error) => panic!("{error}"),
        Ok(mut events) => match events.next().await {
            Err(DocumentsError::HistoryLost) => true,
            Err(error) => panic!("{error}"),
            Ok(_) => false,
        },
    }
}
