//! Triggers on changes of documents in the embedded store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bson::{Document, doc};
use portcullis::store::Triggers;
use portcullis::store::documents::{Change, DocumentStore, Namespace};
use portcullis_service::triggers::{Runner, RunnerOptions, RunnerParts, TriggerStores};
use portcullis_store::{Embedded, EmbeddedDocuments};
use tokio::sync::Semaphore;

use super::house::{parts, wait_for_state};
use super::recorder::{Application, Recorder, options};

/// The stores of users and of documents.
struct Stores {
    accounts: Arc<Embedded>,
    documents: Arc<EmbeddedDocuments>,
}

impl Stores {
    fn new() -> Self {
        let accounts = Arc::new(Embedded::in_memory("app").unwrap());
        Self { accounts, documents: Arc::new(EmbeddedDocuments::in_memory().unwrap()) }
    }

    fn start(&self, app: &Application, functions: &Arc<Recorder>) -> Runner {
        self.start_with(app, functions, options())
    }

    fn start_with(&self, app: &Application, functions: &Arc<Recorder>, options: RunnerOptions) -> Runner {
        let RunnerParts { stores, .. } = parts(app, &self.accounts, functions);
        let stores = TriggerStores { changes: Some(Arc::<EmbeddedDocuments>::clone(&self.documents)), ..stores };
        Runner::start(RunnerParts { stores, ..parts(app, &self.accounts, functions) }, options)
    }

    async fn open(&self) {
        wait_for_state(&self.accounts, "t", |state| state.position.is_some()).await;
    }

    async fn insert(&self, namespace: &str, document: Document) {
        let mut transaction = self.documents.begin().await.unwrap();
        transaction.insert(&Namespace::parse(namespace).unwrap(), &document).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn change(&self, namespace: &str, id: i32, change: Change) {
        let mut transaction = self.documents.begin().await.unwrap();
        let namespace = Namespace::parse(namespace).unwrap();
        transaction.update(&namespace, &doc! { "_id": id }, &change, false).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

fn trigger(config: &str) -> Application {
    Application::new(&[("t", &format!(r#""type": "DATABASE", "config": {{{config}}}"#))])
}

fn set(update: Document) -> Change {
    Change::Operators { update, array_filters: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matching_changes_are_delivered_in_order_with_their_projection() {
    let app = trigger(
        r#""database": "shop", "collection": "orders", "operation_types": ["INSERT", "REPLACE"],
           "match": {"fullDocument.total": {"$gte": {"$numberInt": "10"}}},
           "project": {"_id": 0, "operationType": 1, "documentKey": 1, "fullDocument.total": 1}"#,
    );
    let (stores, functions) = (Stores::new(), Recorder::quiet());
    let runner = stores.start(&app, &functions);
    stores.open().await;
    for (id, total) in [(1, 10), (2, 9), (3, 11)] {
        stores.insert("shop.orders", doc! { "_id": id, "total": total, "secret": "s" }).await;
        stores.insert("shop.other", doc! { "_id": id, "total": 99 }).await;
    }
    stores.change("shop.orders", 1, set(doc! { "$set": { "total": 99 } })).await;
    stores.change("shop.orders", 2, Change::Replacement(doc! { "_id": 2, "total": 20 })).await;
    functions.wait(3).await;
    runner.shut_down().await;
    let event = |operation: &str, id: i32, total: i32| {
        doc! { "operationType": operation, "fullDocument": { "total": total }, "documentKey": { "_id": id } }
    };
    assert_eq!(functions.events(), [event("insert", 1, 10), event("insert", 3, 11), event("replace", 2, 20)]);
    assert_eq!(functions.most.load(Ordering::SeqCst), 1);
    assert_eq!(Triggers::state(&*stores.accounts, "t").await.unwrap().runs, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_event_has_the_document_before_and_after() {
    let app = trigger(
        r#""database": "shop", "collection": "orders", "operation_types": ["INSERT", "UPDATE", "DELETE"],
           "full_document": true, "full_document_before_change": true"#,
    );
    let (stores, functions) = (Stores::new(), Recorder::quiet());
    let runner = stores.start(&app, &functions);
    stores.open().await;
    stores.insert("shop.orders", doc! { "_id": 1, "n": 1.0 }).await;
    stores.change("shop.orders", 1, set(doc! { "$set": { "n": 2_i64 } })).await;
    let mut transaction = stores.documents.begin().await.unwrap();
    assert!(transaction.delete(&Namespace::parse("shop.orders").unwrap(), &1.into()).await.unwrap());
    transaction.commit().await.unwrap();
    functions.wait(3).await;
    runner.shut_down().await;
    let told = functions.events();
    let part = |at: usize, name: &str| told[at].get(name).cloned();
    for event in &told {
        assert!(event.get("_id").is_some() && event.get_timestamp("clusterTime").is_ok());
        let wall_time = event.get_datetime("wallTime").unwrap().timestamp_millis();
        assert_eq!(wall_time / 1000, i64::from(event.get_timestamp("clusterTime").unwrap().time));
        assert_eq!(event.get_document("ns").unwrap(), &doc! { "db": "shop", "coll": "orders" });
        assert_eq!(event.get_document("documentKey").unwrap(), &doc! { "_id": 1 });
    }
    let (first, second) = (doc! { "_id": 1, "n": 1.0 }, doc! { "_id": 1, "n": 2_i64 });
    assert_eq!((part(0, "fullDocument"), part(0, "fullDocumentBeforeChange")), (Some(first.clone().into()), None));
    assert_eq!(part(1, "fullDocument"), Some(second.clone().into()));
    assert_eq!(part(1, "fullDocumentBeforeChange"), Some(first.into()));
    let updated = told[1].get_document("updateDescription").unwrap().get_document("updatedFields").unwrap();
    assert_eq!(updated, &doc! { "n": 2_i64 });
    assert_eq!((part(2, "fullDocument"), part(2, "fullDocumentBeforeChange")), (None, Some(second.into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_made_without_a_runner_are_delivered_later_for_all_databases() {
    let app = trigger(r#""operation_types": ["INSERT"], "unordered": true"#);
    let (stores, functions) = (Stores::new(), Recorder::quiet());
    let runner = stores.start(&app, &functions);
    stores.open().await;
    stores.insert("a.c", doc! { "_id": 1 }).await;
    functions.wait(1).await;
    runner.shut_down().await;
    stores.insert("b.c", doc! { "_id": 2 }).await;
    stores.insert("a.d", doc! { "_id": 3 }).await;
    let runner = stores.start(&app, &functions);
    functions.wait(3).await;
    runner.shut_down().await;
    let mut told: Vec<i32> = functions
        .events()
        .iter()
        .map(|event| event.get_document("documentKey").unwrap().get_i32("_id").unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_marked_as_handled_without_another_event() {
    let app = trigger(r#""database": "shop", "collection": "orders", "operation_types": ["INSERT"]"#);
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let functions = Recorder::new(move |event| {
        let gate = Arc::clone(&opened);
        Box::pin(async move {
            let event = event.unwrap().as_document().unwrap().clone();
            if event.get_document("documentKey").unwrap() == &doc! { "_id": 4 } {
                gate.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    });
    let stores = Stores::new();
    // Long enough that the first three events end before the time to mark them has come.
    let runner = stores.start_with(&app, &functions, RunnerOptions { noting: Duration::from_secs(1), ..options() });
    stores.open().await;
    for id in 1..=4 {
        stores.insert("shop.orders", doc! { "_id": id }).await;
    }
    // While the fourth function is running, the stream is not read, so only the passing of time marks the others.
    let state = wait_for_state(&stores.accounts, "t", |state| state.runs == 3).await;
    assert!(state.position.is_some());
    gate.add_permits(1);
    functions.wait(4).await;
    runner.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_skips_missed_events_skips_those_that_occur_while_it_is_disabled() {
    let app = |is_disabled: bool, skips: bool| {
        let config = format!(
            r#""type": "DATABASE", "disabled": {is_disabled}, "config": {{"database": "shop", "collection": "orders",
               "operation_types": ["INSERT"], "skip_catchup_events": {skips}}}"#
        );
        Application::new(&[("t", &config)])
    };
    for (skips, expected) in [(true, vec![1, 3]), (false, vec![1, 2, 3])] {
        let (stores, functions) = (Stores::new(), Recorder::quiet());
        let runner = stores.start(&app(false, skips), &functions);
        stores.open().await;
        stores.insert("shop.orders", doc! { "_id": 1 }).await;
        functions.wait(1).await;
        runner.shut_down().await;
        let runner = stores.start(&app(true, skips), &functions);
        if skips {
            wait_for_state(&stores.accounts, "t", |state| state.position.is_none()).await;
        }
        stores.insert("shop.orders", doc! { "_id": 2 }).await;
        runner.shut_down().await;
        let runner = stores.start(&app(false, skips), &functions);
        stores.open().await;
        stores.insert("shop.orders", doc! { "_id": 3 }).await;
        functions.wait(expected.len()).await;
        runner.shut_down().await;
        let ids: Vec<i32> = functions
            .events()
            .iter()
            .map(|event| event.get_document("documentKey").unwrap().get_i32("_id").unwrap())
            .collect();
        assert_eq!(ids, expected);
    }
}
