//! Which changes triggers receive, and where they resume.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bson::{Bson, Document, doc};
use portcullis::store::{Position, Progress, Switch, TriggerState, Triggers};
use portcullis_service::triggers::{Runner, RunnerParts, TriggerStores};
use portcullis_store::mongodb::{MongoAccountEvents, MongoDocuments, MongoTriggers};
use portcullis_testkit::mongodb::World;

use crate::recorder::{Application, Recorder, options};

/// An application with the trigger `t` on the collection `orders`; `rest` is added to the trigger's configuration.
fn on_orders(world: &World, operations: &str, rest: &str) -> Application {
    let database = world.database.name();
    trigger(&format!(r#""database": "{database}", "collection": "orders", "operation_types": [{operations}]{rest}"#))
}

fn trigger(config: &str) -> Application {
    Application::new(&[("t", &format!(r#""type": "DATABASE", "config": {{{config}}}"#))])
}

/// The database of users and triggers of a test.
fn accounts(world: &World) -> mongodb::Database {
    world.client.database(&format!("{}_accounts", world.database.name()))
}

fn states(world: &World) -> MongoTriggers {
    MongoTriggers::new(&accounts(world), "app")
}

fn start(world: &World, app: &Application, functions: &Arc<Recorder>) -> Runner {
    let parts = RunnerParts {
        application: "app".to_owned(),
        app: Arc::clone(&app.app),
        functions: Arc::<Recorder>::clone(functions),
        stores: TriggerStores {
            states: Arc::new(states(world)),
            events: Arc::new(MongoAccountEvents::new(&accounts(world), "app")),
            changes: Some(Arc::new(MongoDocuments::new(&world.client))),
            accounts: Some(accounts(world).name().to_owned()),
        },
    };
    let mut options = options();
    options.lease = Duration::from_secs(2);
    Runner::start(parts, options)
}

async fn wait_for(world: &World, is_so: impl Fn(&TriggerState) -> bool) -> TriggerState {
    let states = states(world);
    let wait = async {
        loop {
            let state = states.state("t").await.unwrap();
            if is_so(&state) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(state) => state,
        Err(_) => panic!("it stays {:?}", states.state("t").await),
    }
}

/// Waits until the stream is open and its position has been stored.
async fn open(world: &World) {
    wait_for(world, |state| state.position.is_some()).await;
}

fn orders(world: &World) -> mongodb::Collection<Document> {
    world.database.collection("orders")
}

fn ids(functions: &Recorder) -> Vec<i32> {
    functions.events().iter().map(|event| event.get_document("documentKey").unwrap().get_i32("_id").unwrap()).collect()
}

pub(crate) async fn matching_changes_are_delivered_in_order_with_their_projection(world: World) {
    let rest = r#", "match": {"fullDocument.total": {"$gte": {"$numberInt": "10"}}},
        "project": {"_id": 0, "operationType": 1, "documentKey": 1, "fullDocument.total": 1}"#;
    let (app, functions) = (on_orders(&world, r#""INSERT", "REPLACE""#, rest), Recorder::quiet());
    let runner = start(&world, &app, &functions);
    open(&world).await;
    let orders = orders(&world);
    for (id, total) in [(1, 10), (2, 9), (3, 11)] {
        orders.insert_one(doc! { "_id": id, "total": total, "secret": "s" }).await.unwrap();
    }
    orders.update_one(doc! { "_id": 1 }, doc! { "$set": { "total": 99 } }).await.unwrap();
    orders.delete_one(doc! { "_id": 3 }).await.unwrap();
    orders.replace_one(doc! { "_id": 2 }, doc! { "total": 20 }).await.unwrap();
    functions.wait(3).await;
    runner.shut_down().await;
    let event = |operation: &str, id: i32, total: i32| {
        doc! { "operationType": operation, "documentKey": { "_id": id }, "fullDocument": { "total": total } }
    };
    let mut told = functions.events();
    for event in &mut told {
        // The server decides the order of a projection's fields.
        let keys = ["operationType", "documentKey", "fullDocument"];
        *event = keys.iter().map(|key| ((*key).to_owned(), event.get(key).unwrap().clone())).collect();
    }
    assert_eq!(told, [event("insert", 1, 10), event("insert", 3, 11), event("replace", 2, 20)]);
    assert!(functions.events().iter().all(|event| event.len() == 3));
    assert_eq!(functions.most.load(Ordering::SeqCst), 1);
    let state = states(&world).state("t").await.unwrap();
    assert_eq!((state.runs, state.failures), (3, 0));
}

pub(crate) async fn an_update_event_has_the_document_before_and_after(world: World) {
    let create = doc! { "create": "orders", "changeStreamPreAndPostImages": { "enabled": true } };
    world.database.run_command(create).await.unwrap();
    let rest = r#", "full_document": true, "full_document_before_change": true"#;
    let (app, functions) = (on_orders(&world, r#""INSERT", "UPDATE", "DELETE""#, rest), Recorder::quiet());
    let runner = start(&world, &app, &functions);
    open(&world).await;
    let orders = orders(&world);
    orders.insert_one(doc! { "_id": 1_i64, "n": 1.0 }).await.unwrap();
    orders.update_one(doc! { "_id": 1 }, doc! { "$set": { "n": 2_i64 }, "$unset": { "x": 1 } }).await.unwrap();
    functions.wait(2).await;
    orders.delete_one(doc! { "_id": 1 }).await.unwrap();
    functions.wait(3).await;
    runner.shut_down().await;
    let told = functions.events();
    let part = |at: usize, name: &str| told[at].get(name).cloned();
    for event in &told {
        assert!(event.get("_id").is_some() && event.get_timestamp("clusterTime").is_ok());
        assert_eq!(event.get_document("ns").unwrap(), &doc! { "db": world.database.name(), "coll": "orders" });
        assert_eq!(event.get_document("documentKey").unwrap(), &doc! { "_id": 1_i64 });
    }
    assert_eq!(part(0, "fullDocument"), Some(doc! { "_id": 1_i64, "n": 1.0 }.into()));
    assert_eq!(part(0, "fullDocumentBeforeChange"), None);
    assert_eq!(part(1, "fullDocument"), Some(doc! { "_id": 1_i64, "n": 2_i64 }.into()));
    assert_eq!(part(1, "fullDocumentBeforeChange"), Some(doc! { "_id": 1_i64, "n": 1.0 }.into()));
    assert_eq!(
        told[1].get_document("updateDescription").unwrap().get_document("updatedFields").unwrap(),
        &doc! { "n": 2_i64 }
    );
    assert_eq!(part(2, "fullDocument"), None);
    assert_eq!(part(2, "fullDocumentBeforeChange"), Some(doc! { "_id": 1_i64, "n": 2_i64 }.into()));
}

pub(crate) async fn database_triggers_see_all_collections_except_internal_ones(world: World) {
    let name = world.database.name().to_owned();
    // Only the databases of this test.
    let matching = format!(r#", "match": {{"ns.db": {{"$regex": "^{name}(_|$)"}}}}"#);
    let operations = r#""operation_types": ["INSERT", "CREATE_COLLECTION", "DROP_DATABASE"]"#;
    let everything = trigger(&format!("{operations}{matching}"));
    let functions = Recorder::quiet();
    let runner = start(&world, &everything, &functions);
    open(&world).await;
    accounts(&world).collection("users").insert_one(doc! { "_id": "hash" }).await.unwrap();
    orders(&world).insert_one(doc! { "_id": 1 }).await.unwrap();
    let other = world.client.database(&format!("{name}_other"));
    other.collection("c").insert_one(doc! { "_id": 2 }).await.unwrap();
    functions.wait(4).await;
    runner.shut_down().await;
    let told: Vec<String> = functions
        .events()
        .iter()
        .map(|event| {
            let ns = event.get_document("ns").unwrap();
            let (db, coll) = (ns.get_str("db").unwrap(), ns.get_str("coll").unwrap_or_default());
            format!("{} {db}.{coll}", event.get_str("operationType").unwrap())
        })
        .collect();
    let expected = [
        format!("create {name}.orders"),
        format!("insert {name}.orders"),
        format!("create {name}_other.c"),
        format!("insert {name}_other.c"),
    ];
    assert_eq!(told, expected);
    other.drop().await.unwrap();
    // A trigger that names it is refused.
    for config in ["", r#""collection": "users", "#] {
        let database = accounts(&world).name().to_uppercase();
        let ours = trigger(&format!(r#""database": "{database}", {config}"operation_types": ["INSERT"]"#));
        let runner = start(&world, &ours, &functions);
        let refused = &runner.plan().refused;
        assert!(
            runner.plan().runs.is_empty() && refused[0].1.contains("no trigger receives its events"),
            "{refused:?}"
        );
        runner.shut_down().await;
    }
}

pub(crate) async fn no_trigger_sees_the_history_of_device_sync(world: World) {
    // Without `ns` in the argument, only the server can tell the databases apart.
    let key = world.database.name().to_owned();
    let everything = trigger(&format!(
        r#""operation_types": ["INSERT"], "match": {{"documentKey._id": {{"$regex": "^{key}"}}}}, "project": {{"operationType": 1, "documentKey": 1}}"#
    ));
    let functions = Recorder::quiet();
    let runner = start(&world, &everything, &functions);
    open(&world).await;
    let sync = world.client.database(&format!("__realm_sync_{key}"));
    sync.collection("history").insert_one(doc! { "_id": format!("{key} 1") }).await.unwrap();
    orders(&world).insert_one(doc! { "_id": format!("{key} 2") }).await.unwrap();
    functions.wait(1).await;
    runner.shut_down().await;
    let told = functions.events();
    let keys: Vec<_> = told.iter().map(|event| event.get_document("documentKey").unwrap().clone()).collect();
    assert_eq!(keys, [doc! { "_id": format!("{key} 2") }]);
    sync.drop().await.unwrap();
}

pub(crate) async fn unordered_changes_are_handled_concurrently_and_none_is_lost(world: World) {
    let app = on_orders(&world, r#""INSERT""#, r#", "unordered": true"#);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let functions = Recorder::new(move |event| {
        let gate = Arc::clone(&opened);
        Box::pin(async move {
            let event = event.unwrap().as_document().unwrap().clone();
            // The first call does not end before all others have.
            if event.get_document("documentKey").unwrap().get_i32("_id").unwrap() == 0 {
                gate.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    });
    let runner = start(&world, &app, &functions);
    open(&world).await;
    let before = states(&world).state("t").await.unwrap().position;
    let documents: Vec<Document> = (0..100).map(|id| doc! { "_id": id }).collect();
    orders(&world).insert_many(documents).await.unwrap();
    functions.wait(99).await;
    wait_for(&world, |state| state.runs == 99).await;
    // As long as the first one has not ended, the position does not advance.
    assert_eq!(states(&world).state("t").await.unwrap().position, before);
    gate.add_permits(1);
    functions.wait(100).await;
    runner.shut_down().await;
    let mut told = ids(&functions);
    told.sort_unstable();
    assert_eq!(told, (0..100).collect::<Vec<_>>());
    assert!((2..=options().at_once).contains(&functions.most.load(Ordering::SeqCst)));
    let state = states(&world).state("t").await.unwrap();
    assert!(state.runs == 100 && state.position != before);
}

pub(crate) async fn changes_made_without_a_runner_are_delivered_later(world: World) {
    let (app, functions) = (on_orders(&world, r#""INSERT""#, ""), Recorder::quiet());
    let runner = start(&world, &app, &functions);
    open(&world).await;
    orders(&world).insert_one(doc! { "_id": 1 }).await.unwrap();
    functions.wait(1).await;
    runner.shut_down().await;
    for id in 2..5 {
        orders(&world).insert_one(doc! { "_id": id }).await.unwrap();
    }
    let runner = start(&world, &app, &functions);
    functions.wait(4).await;
    runner.shut_down().await;
    assert_eq!(ids(&functions), [1, 2, 3, 4]);
}

pub(crate) async fn two_runners_handle_each_change_once_and_in_order(world: World) {
    let (app, functions) = (on_orders(&world, r#""INSERT""#, ""), Recorder::quiet());
    let slow = Recorder::new(|_| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            Ok(())
        })
    });
    let first = start(&world, &app, &slow);
    open(&world).await;
    let second = start(&world, &app, &functions);
    let documents: Vec<Document> = (0..300).map(|id| doc! { "_id": id }).collect();
    orders(&world).insert_many(documents).await.unwrap();
    slow.wait(20).await;
    assert!(functions.told().is_empty(), "only one of them has the lease");
    // Gone without releasing its lease.
    drop(first);
    let before = ids(&slow);
    functions.wait(300 - before.len()).await;
    wait_for(&world, |state| state.runs >= 300).await;
    second.shut_down().await;
    let after = ids(&functions);
    // The second runner resumes at the position that the first one stored: some events may be repeated, but none is
    // missing or out of order.
    assert_eq!(before, (0..i32::try_from(before.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(after, (after[0]..300).collect::<Vec<_>>());
    assert!(after[0] <= i32::try_from(before.len()).unwrap(), "{} {}", after[0], before.len());
    assert_eq!(slow.most.load(Ordering::SeqCst).max(functions.most.load(Ordering::SeqCst)), 1);
}

/// Sets a trigger's position to one that the server does not know.
async fn lose_history(world: &World) {
    let states = states(world);
    let lease = states.acquire("t", "test", Duration::from_secs(600)).await.unwrap().unwrap();
    let nowhere = doc! { "_data": "8200" };
    let progress = Progress { position: Some(Position::After(nowhere)), ..Progress::default() };
    assert!(states.note(&lease, &progress).await.unwrap() && states.release(&lease).await.unwrap());
}

pub(crate) async fn a_lost_history_suspends_the_trigger_unless_tolerated(world: World) {
    lose_history(&world).await;
    orders(&world).insert_one(doc! { "_id": 0 }).await.unwrap();
    let (app, functions) = (on_orders(&world, r#""INSERT""#, ""), Recorder::quiet());
    let runner = start(&world, &app, &functions);
    let state = wait_for(&world, |state| state.suspended.is_some()).await;
    assert!(state.suspended.as_ref().unwrap().contains("ChangeStreamHistoryLost"), "{state:?}");
    // It is not retried automatically, but continues from the present when an operator resumes it so.
    states(&world).switch("t", Switch::ResumeFromNow).await.unwrap();
    open(&world).await;
    orders(&world).insert_one(doc! { "_id": 1 }).await.unwrap();
    functions.wait(1).await;
    runner.shut_down().await;
    assert_eq!(ids(&functions), [1]);

    lose_history(&world).await;
    let app = on_orders(&world, r#""INSERT""#, r#", "tolerate_resume_errors": true"#);
    let runner = start(&world, &app, &functions);
    let lost = states(&world).state("t").await.unwrap().position;
    let state = wait_for(&world, |state| state.position.is_some() && state.position != lost).await;
    assert!(state.suspended.is_none());
    orders(&world).insert_one(doc! { "_id": 2 }).await.unwrap();
    functions.wait(2).await;
    runner.shut_down().await;
    assert_eq!(ids(&functions), [1, 2]);
}

pub(crate) async fn a_dropped_collection_suspends_the_trigger_until_it_is_resumed(world: World) {
    let (app, functions) = (on_orders(&world, r#""INSERT""#, r#", "match": {"fullDocument.a": 1}"#), Recorder::quiet());
    let runner = start(&world, &app, &functions);
    open(&world).await;
    orders(&world).insert_one(doc! { "_id": 1, "a": 1 }).await.unwrap();
    functions.wait(1).await;
    orders(&world).drop().await.unwrap();
    let state = wait_for(&world, |state| state.suspended.is_some()).await;
    assert!(state.suspended.unwrap().contains("dropped"));
    orders(&world).insert_one(doc! { "_id": 2, "a": 1 }).await.unwrap();
    assert_eq!(functions.told().len(), 1);
    states(&world).switch("t", Switch::Resume).await.unwrap();
    functions.wait(2).await;
    runner.shut_down().await;
    assert_eq!(ids(&functions), [1, 2]);
}

pub(crate) async fn a_filter_refused_by_the_server_suspends_the_trigger_with_a_reason(world: World) {
    // Only the server evaluates this expression, when the stream is opened.
    let app = on_orders(&world, r#""INSERT""#, r#", "match": {"$expr": {"$divide": [1, 0]}}"#);
    let functions = Recorder::quiet();
    let runner = start(&world, &app, &functions);
    let state = wait_for(&world, |state| state.suspended.is_some()).await;
    runner.shut_down().await;
    assert!(state.suspended.as_ref().unwrap().contains("divide"), "{state:?}");
    assert_eq!((functions.told().len(), state.runs), (0, 0));
}

pub(crate) async fn changes_during_a_pause_are_skipped_if_configured(world: World) {
    for (skips, expected) in [(false, vec![1, 2, 3]), (true, vec![1, 3])] {
        orders(&world).drop().await.unwrap();
        states(&world).switch("t", Switch::ResumeFromNow).await.unwrap();
        let rest = format!(r#", "skip_catchup_events": {skips}"#);
        let (app, functions) = (on_orders(&world, r#""INSERT""#, &rest), Recorder::quiet());
        let runner = start(&world, &app, &functions);
        open(&world).await;
        orders(&world).insert_one(doc! { "_id": 1 }).await.unwrap();
        functions.wait(1).await;
        states(&world).switch("t", Switch::Pause).await.unwrap();
        // The lease is released and, where configured, the position is forgotten.
        let now = bson::DateTime::now();
        let is_idle = |state: &TriggerState| {
            state.is_paused && state.leased_until.is_some_and(|until| until <= bson::DateTime::now() && until > now)
        };
        wait_for(&world, |state| is_idle(state) && (!skips || state.position.is_none())).await;
        orders(&world).insert_one(doc! { "_id": 2 }).await.unwrap();
        states(&world).switch("t", Switch::Resume).await.unwrap();
        if skips {
            open(&world).await;
        }
        orders(&world).insert_one(doc! { "_id": 3 }).await.unwrap();
        functions.wait(expected.len()).await;
        runner.shut_down().await;
        assert_eq!(ids(&functions), expected, "skips: {skips}");
        assert!(functions.told().iter().all(|told| matches!(told, Some(Bson::Document(_)))));
    }
}
