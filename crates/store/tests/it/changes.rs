//! The log of changes of the embedded store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use portcullis::Clock;
use portcullis::store::documents::{
    Change, DocumentStore, DocumentsError, Event, Namespace, StoredChange, Watch, WatchScope, WatchStart,
};
use portcullis_store::{ChangeLogLimits, Embedded, EmbeddedDocuments};

use portcullis_testkit::contracts::changes::{Given, LAWS, is_lost, next};
use portcullis_testkit::contracts::documents::{find, insert};

fn namespace() -> Namespace {
    Namespace::parse("test.changes").unwrap()
}

fn scope() -> WatchScope {
    WatchScope::Collection(namespace())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_change_log_satisfies_the_contract() {
    for &(name, law) in LAWS {
        eprintln!("{name}");
        let store = Arc::new(EmbeddedDocuments::in_memory().unwrap());
        law(Given { changes: Arc::clone(&store) as _, store, namespace: namespace() }).await;
    }
}

/// What has happened since a position, and the position after it.
pub(crate) async fn since(
    store: &EmbeddedDocuments,
    scope: &WatchScope,
    position: Document,
) -> (Vec<StoredChange>, Document) {
    let mut events = store.watch(scope, WatchStart::After(position)).await.unwrap();
    let mut changes = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        let Event::Change(change) = event else { panic!("the stream ended") };
        changes.push(*change);
    }
    (changes, events.position().unwrap())
}

/// Documents by their `_id`, as the log tells of them.
#[derive(Debug, Default)]
pub(crate) struct Replica(BTreeMap<String, Document>);

impl Replica {
    /// Follows a change; fails if one is missing, or told twice.
    pub(crate) fn follow(&mut self, change: &StoredChange) {
        let image = |image: &Option<_>| image.as_ref().map(|image| Document::try_from(image).unwrap());
        let id = change.id.to_string();
        assert_eq!(self.0.get(&id), image(&change.before).as_ref(), "{change:?}");
        match image(&change.after) {
            Some(after) => self.0.insert(id, after),
            None => self.0.remove(&id),
        };
    }

    /// Fails if other documents are stored.
    pub(crate) fn agrees(&self, stored: &[Document]) {
        let stored: BTreeMap<String, Document> =
            stored.iter().map(|one| (one.get("_id").unwrap().to_string(), one.clone())).collect();
        assert_eq!(self.0, stored);
    }
}

/// The position of a store at this moment.
pub(crate) async fn position(store: &EmbeddedDocuments, scope: &WatchScope) -> Document {
    store.watch(scope, WatchStart::Now).await.unwrap().position().unwrap()
}

fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-changes-{name}-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> DateTime {
        DateTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_position_outlives_the_process() {
    let path = file("position");
    let store = Embedded::open(&path, "app").unwrap();
    let beginning = position(&store.documents(), &scope()).await;
    insert(&store.documents(), &namespace(), &[doc! { "_id": 1 }, doc! { "_id": 2 }]).await;
    let (first, middle) = since(&store.documents(), &scope(), beginning.clone()).await;
    drop(store);
    let store = EmbeddedDocuments::open(&path).unwrap();
    insert(&store, &namespace(), &[doc! { "_id": 3 }]).await;
    let (all, _) = since(&store, &scope(), beginning).await;
    let (rest, _) = since(&store, &scope(), middle).await;
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert_eq!([first, rest].concat(), all);
    drop(store);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_file_without_a_change_log_gets_one() {
    let path = file("old");
    drop(EmbeddedDocuments::open(&path).unwrap());
    // As older versions left it.
    let table = redb::TableDefinition::<u64, &[u8]>::new("document_changes");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(table).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let store = EmbeddedDocuments::open(&path).unwrap();
    let mut events = store.watch(&scope(), WatchStart::Now).await.unwrap();
    insert(&store, &namespace(), &[doc! { "_id": 1 }]).await;
    assert_eq!(next(&mut *events).await.id, Bson::Int32(1));
    drop(events);
    drop(store);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn the_change_log_is_limited_by_size_and_age() {
    let clock = Arc::new(Set(AtomicI64::new(1_000_000)));
    let limits = ChangeLogLimits { bytes: 20_000, age: Duration::from_secs(60) };
    let store = EmbeddedDocuments::in_memory().unwrap().with_clock(Arc::clone(&clock) as _).with_change_log(limits);
    let mut positions = vec![position(&store, &scope()).await];
    let text = "x".repeat(1000);
    for id in 0..50 {
        insert(&store, &namespace(), &[doc! { "_id": id, "text": &text }]).await;
        positions.push(position(&store, &scope()).await);
    }
    // By size.
    let mut known = 0;
    for (number, position) in positions.iter().enumerate() {
        match is_lost(&store, &scope(), position.clone()).await {
            true => assert_eq!(known, 0, "{number} is lost, and an earlier one is known"),
            false => known += 1,
        }
    }
    assert!((15..=21).contains(&known), "{known} are known");
    // By age: what is younger stays.
    clock.0.fetch_add(59_000, Ordering::SeqCst);
    insert(&store, &namespace(), &[doc! { "_id": 100 }]).await;
    let young = position(&store, &scope()).await;
    assert!(!is_lost(&store, &scope(), positions[49].clone()).await);
    clock.0.fetch_add(2_000, Ordering::SeqCst);
    insert(&store, &namespace(), &[doc! { "_id": 101 }]).await;
    assert!(is_lost(&store, &scope(), positions[49].clone()).await);
    let (rest, _) = since(&store, &scope(), young).await;
    assert_eq!(rest.iter().map(|change| change.id.clone()).collect::<Vec<_>>(), [Bson::Int32(101)]);
}

#[tokio::test]
async fn a_transaction_larger_than_the_change_log_is_delivered_whole() {
    let limits = ChangeLogLimits { bytes: 1000, age: Duration::from_secs(60) };
    let store = EmbeddedDocuments::in_memory().unwrap().with_change_log(limits);
    let mut events = store.watch(&scope(), WatchStart::Now).await.unwrap();
    let documents: Vec<Document> = (0..3000).map(|id| doc! { "_id": id, "text": "x".repeat(500) }).collect();
    insert(&store, &namespace(), &documents).await;
    for id in 0..3000 {
        assert_eq!(next(&mut *events).await.id, Bson::Int32(id));
    }
    // Who has not seen it when the next one comes has to begin anew.
    let mut slow = store.watch(&scope(), WatchStart::Now).await.unwrap();
    insert(&store, &namespace(), &[doc! { "_id": "a", "text": "x".repeat(2000) }]).await;
    insert(&store, &namespace(), &[doc! { "_id": "b", "text": "x".repeat(2000) }]).await;
    assert!(matches!(slow.next().await, Err(DocumentsError::HistoryLost)));
    // Who watches another collection has missed nothing that was his, and is told all the same: that cannot be known.
    let other = WatchScope::Collection(Namespace::parse("test.other").unwrap());
    assert!(!is_lost(&store, &other, position(&store, &other).await).await);
}

#[tokio::test]
async fn a_position_of_another_file_is_refused() {
    let stores = [EmbeddedDocuments::in_memory().unwrap(), EmbeddedDocuments::in_memory().unwrap()];
    for (number, store) in stores.iter().enumerate() {
        let clock = Arc::new(Set(AtomicI64::new(1000 + i64::try_from(number).unwrap())));
        insert(&store.clone().with_clock(clock), &namespace(), &[doc! { "_id": 1 }, doc! { "_id": 2 }]).await;
    }
    let [one, other] = &stores;
    let known = position(one, &scope()).await;
    assert!(!is_lost(one, &scope(), known.clone()).await);
    assert!(is_lost(other, &scope(), known).await);
    // One that does not exist yet is of a file that went on, and of which an older copy was restored.
    let beyond = doc! { "number": 3_i64, "time": DateTime::from_millis(1000) };
    assert!(is_lost(one, &scope(), beyond).await);
    for nonsense in
        [doc! { "number": -1_i64, "time": DateTime::from_millis(1) }, doc! { "number": i64::MAX, "time": 1 }]
    {
        assert!(one.watch(&scope(), WatchStart::After(nonsense)).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_follow_many_writers() {
    let limits = ChangeLogLimits { bytes: 8 << 20, age: Duration::from_secs(60) };
    let store = EmbeddedDocuments::in_memory().unwrap().with_change_log(limits);
    let beginning = position(&store, &scope()).await;
    let reading = |store: EmbeddedDocuments| {
        let from = WatchStart::After(beginning.clone());
        async move {
            let mut events = store.watch(&scope(), from).await.unwrap();
            let mut replica = Replica::default();
            loop {
                let change = next(&mut *events).await;
                replica.follow(&change);
                if change.id == Bson::String("end".into()) {
                    return replica;
                }
            }
        }
    };
    let readers: Vec<_> = (0..3).map(|_| tokio::spawn(reading(store.clone()))).collect();
    let writing = |store: EmbeddedDocuments, number: i32| async move {
        for round in 0..100 {
            let mut transaction = store.begin().await.unwrap();
            let id = doc! { "_id": (number * 7 + round) % 10 };
            let change = Change::Operators { update: doc! { "$inc": { "n": 1 } }, array_filters: Vec::new() };
            transaction.update(&namespace(), &id, &change, true).await.unwrap();
            if round % 7 == 0 {
                transaction.delete(&namespace(), &Bson::Int32(round % 10)).await.unwrap();
            }
            if round % 5 == 0 { transaction.abort().await } else { transaction.commit().await.unwrap() }
        }
    };
    let writers: Vec<_> = (0..4).map(|number| tokio::spawn(writing(store.clone(), number))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    insert(&store, &namespace(), &[doc! { "_id": "end" }]).await;
    let stored = find(&store, &namespace(), doc! {}).await;
    for reader in readers {
        reader.await.unwrap().agrees(&stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_reports_that_it_is_idle_while_other_collections_change() {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let (stop, stopped) = (Arc::new(AtomicI64::new(0)), store.clone());
    let stops = Arc::clone(&stop);
    let writing = tokio::spawn(async move {
        let other = Namespace::parse("test.other").unwrap();
        let mut id = 0;
        while stops.load(Ordering::SeqCst) == 0 {
            insert(&stopped, &other, &[doc! { "_id": id }]).await;
            id += 1;
        }
        id
    });
    let mut events = store.watch(&scope(), WatchStart::Now).await.unwrap();
    let before = events.position().unwrap();
    for _ in 0..3 {
        let event = tokio::time::timeout(Duration::from_secs(20), events.next()).await.unwrap().unwrap();
        assert_eq!(event, None);
    }
    // It goes on behind what was not for it.
    assert_ne!(events.position().unwrap(), before);
    stop.store(1, Ordering::SeqCst);
    assert!(writing.await.unwrap() > 0);
    insert(&store, &namespace(), &[doc! { "_id": 1 }]).await;
    assert_eq!(next(&mut *events).await.id, Bson::Int32(1));
}
