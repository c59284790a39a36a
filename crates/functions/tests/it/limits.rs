//! Limits of time, memory, threads and sizes, and calls whose caller has stopped waiting.

use std::sync::Arc;
use std::time::Duration;

use bson::{Binary, Bson, spec::BinarySubtype};
use portcullis::User;
use portcullis_functions::{Call, CallError, Entry, Returned};
use serde_json::json;
use tokio::task::JoinHandle;

use super::world::{Draft, World, ada, one};

#[tokio::test]
async fn calls_run_concurrently_up_to_the_limit() {
    let source = "exports = () => context.services.get('mongodb-atlas').db('db').collection('gate').findOne({});";
    let world = Arc::new(
        Draft::new()
            .function("f", source, json!({}))
            .options(|options| (options.running, options.share) = (3, 1))
            .build(),
    );
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.call("f", vec![]).await })
        })
        .collect();
    let running = || world.backend.log.lock().unwrap().len();
    while running() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running(), 3);
    while calls.iter().any(|call| !call.is_finished()) {
        world.backend.gate.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().value, Bson::Null);
    }
    assert_eq!(running(), 5);
}

#[tokio::test]
async fn a_user_with_many_calls_delays_only_their_own() {
    let sleeping = "exports = () => context.services.get('mongodb-atlas').db('db').collection('gate').findOne({});";
    let draft = Draft::new().function("f", sleeping, json!({})).function("g", "exports = () => 1;", json!({}));
    let world = Arc::new(draft.options(|options| (options.running, options.share) = (4, 2)).build());
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.call("f", vec![]).await })
        })
        .collect();
    let running = || world.backend.log.lock().unwrap().len();
    while running() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The user has two of the four places, so two are left for others.
    let eve = User { id: "eve".into(), ..ada() };
    let call = world.runtime.call(Call::new("g", vec![], Entry::Client, eve));
    let returned = tokio::time::timeout(Duration::from_secs(60), call).await.unwrap();
    assert_eq!(returned.unwrap().value, Bson::Int64(1));
    assert_eq!(running(), 2);
    while calls.iter().any(|call| !call.is_finished()) {
        world.backend.gate.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running(), 6);
}

const WAITING: &str = "exports = () => context.services.get('mongodb-atlas').db('db').collection('gate').findOne({});";
const ASKING: &str = "exports = () => context.services.get('mongodb-atlas').db('db').collection('asking').findOne({});";

/// Calls `f` this many times for a user, and waits until this many lines like `line` have been logged, and no more are.
async fn begin(
    world: &Arc<World>,
    user: &User,
    calls: usize,
    line: &str,
    expected: usize,
) -> Vec<JoinHandle<Result<Returned, CallError>>> {
    let calls = (0..calls).map(|_| {
        let (world, user) = (Arc::clone(world), user.clone());
        tokio::spawn(async move { world.runtime.call(Call::new("f", vec![], Entry::Client, user)).await })
    });
    let calls = calls.collect();
    let count = || world.backend.log.lock().unwrap().iter().filter(|logged| *logged == line).count();
    while count() < expected {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(count(), expected);
    calls
}

/// Lets all calls end.
async fn end(world: &World, calls: Vec<JoinHandle<Result<Returned, CallError>>>) {
    while calls.iter().any(|call| !call.is_finished()) {
        world.backend.gate.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn conditions_that_call_functions_are_evaluated_within_the_share_of_the_user() {
    let condition = json!({ "can_evaluate": { "%%true": { "%function": { "name": "g" } } } });
    let draft = Draft::new().function("f", "exports = () => 1;", condition);
    let draft = draft.function("g", "exports = () => true;", json!({}));
    let world = Arc::new(draft.options(|options| (options.running, options.share) = (4, 2)).build());
    let calls = begin(&world, &ada(), 6, "ada: condition", 2).await;
    end(&world, calls).await;
}

#[tokio::test]
async fn calls_by_rules_are_in_the_share_of_the_user_on_whose_behalf_they_are_made() {
    let shared = json!({ "run_as_user_id": "clerk" });
    for (settings, user) in [(json!({}), "ada"), (shared, "clerk")] {
        let draft = Draft::new().function("f", ASKING, settings).function("asked", WAITING, json!({}));
        let draft = draft.user(User::new("clerk"));
        // Four users may have two calls each, of which one each may have a nested call.
        let world = Arc::new(draft.options(|options| (options.running, options.share) = (8, 4)).build());
        let line = format!("{user}: findOne gate");
        let mut calls = begin(&world, &ada(), 3, &line, 1).await;
        let eve = User { id: "eve".into(), ..ada() };
        let (line, expected) = if user == "ada" { ("eve: findOne gate", 1) } else { (line.as_str(), 2) };
        calls.extend(begin(&world, &eve, 3, line, expected).await);
        end(&world, calls).await;
    }
}

#[tokio::test]
async fn a_thread_that_cannot_be_stopped_keeps_its_place_in_the_share_of_its_user() {
    // The elements are absent, so neither memory nor the code of a callback ends the loop.
    let stuck = "exports = () => { const all = []; all.length = 2 ** 28; return all.reverse().length; };";
    let draft = Draft::new().function("f", stuck, json!({})).function("g", "exports = () => 1;", json!({}));
    let world = draft.options(|options| {
        (options.running, options.share) = (4, 2);
        options.time = Duration::from_millis(300);
    });
    let world = world.build();
    let (first, second) = tokio::join!(world.call("f", vec![]), world.call("f", vec![]));
    for stopped in [first, second, world.call("g", vec![]).await] {
        assert!(matches!(stopped, Err(CallError::TimedOut { .. })), "{stopped:?}");
    }
    let eve = User { id: "eve".into(), ..ada() };
    let returned = world.runtime.call(Call::new("g", vec![], Entry::Client, eve)).await;
    assert_eq!(returned.unwrap().value, Bson::Int64(1));
    // The places are free again once the threads have ended.
    while world.call("g", vec![]).await.is_err() {}
}

#[tokio::test]
async fn calls_beyond_the_queue_limit_are_refused() {
    let source = "exports = () => context.services.get('mongodb-atlas').db('db').collection('gate').findOne({});";
    let draft = Draft::new().function("f", source, json!({}));
    let world = Arc::new(draft.options(|options| (options.running, options.waiting) = (1, 1)).build());
    let call = || {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.call("f", vec![]).await })
    };
    let first = call();
    while world.backend.log.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = call();
    tokio::task::yield_now().await;
    let error = world.call("f", vec![]).await.unwrap_err();
    assert_eq!((&error, error.status()), (&CallError::Busy, 429));
    while !(first.is_finished() && second.is_finished()) {
        world.backend.gate.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_abandoned_call_stops_and_aborts_its_transaction() {
    let source = "exports = async () => { const client = context.services.get('mongodb-atlas'); const s = client.startSession(); \
                  s.startTransaction(); await client.db('db').collection('c').count({}, { session: s }); for (;;) {} };";
    let world = Draft::new().function("f", source, json!({})).options(|options| options.running = 1).build();
    {
        let call = world.call("f", vec![]);
        tokio::pin!(call);
        while !world.backend.log.lock().unwrap().iter().any(|line| line.contains("count")) {
            let _ = tokio::time::timeout(Duration::from_millis(5), &mut call).await;
        }
    }
    // The only thread is free again, and the transaction has been aborted.
    world.backend.gate.notified().await;
    assert!(world.backend.open.lock().unwrap().is_empty());
    let log = world.backend.log.lock().unwrap().clone();
    assert_eq!(log.last().map(String::as_str), Some("abort 1"));
}

#[tokio::test]
async fn an_open_transaction_is_aborted_when_the_call_ends() {
    let source = "exports = async () => { const s = context.services.get('mongodb-atlas').startSession(); s.startTransaction(); \
                  await context.services.get('mongodb-atlas').db('db').collection('c').count({}, { session: s }); };";
    let world = one(source);
    world.call("f", vec![]).await.unwrap();
    world.backend.gate.notified().await;
    assert!(world.backend.open.lock().unwrap().is_empty());
}

#[tokio::test]
async fn large_arguments_are_refused() {
    let world = one("exports = (a) => 1;");
    let bytes = |size| Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![0; size] });
    let error = world.call("f", vec![bytes(19 * 1024 * 1024)]).await.unwrap_err();
    assert_eq!(error, CallError::ArgumentsTooLarge("f".into()));
    world.call("f", vec![bytes(17 * 1024 * 1024)]).await.unwrap();
    let many = vec![Bson::String("x".repeat(60_000)); 400];
    assert_eq!(world.call("f", many).await.unwrap_err(), CallError::ArgumentsTooLarge("f".into()));
}

#[tokio::test]
async fn pending_operations_end_at_the_time_limit() {
    let source = "exports = async () => { console.log('begun'); try { await context.services.get('mongodb-atlas').db('db')\
                  .collection('gate').findOne({}); } finally { console.log('never'); } };";
    let world = Draft::new()
        .function("f", source, json!({}))
        .options(|options| options.time = Duration::from_millis(200))
        .build();
    let error = world.call("f", vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), "execution time limit exceeded");
    assert_eq!(error.code(), "ExecutionTimeLimitExceeded");
    assert_eq!(error.console().iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["begun"]);
}

#[tokio::test]
async fn calls_work_on_a_multi_threaded_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    tokio::task::spawn_blocking(move || {
        runtime.unwrap().block_on(async {
            let source = "exports = async (n) => { await new Promise((r) => setTimeout(r, 1)); return n; };";
            let world = Arc::new(one(source));
            let calls: Vec<_> = (0..40)
                .map(|n| {
                    let world = Arc::clone(&world);
                    tokio::spawn(async move {
                        let call = Call::new("f", vec![Bson::Int64(n)], Entry::Client, ada());
                        assert_eq!(world.runtime.call(call).await.unwrap().value, Bson::Int64(n));
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
        });
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_size_of_an_array_is_measured_outside_the_engine() {
    let nested = "exports = (n) => { let a = []; a.length = n; for (let i = 0; i < 50; i++) { const b = []; b.length = n; b[0] = a; a = b; } return a; }";
    let world = Draft::new()
        .function("f", "exports = (n) => { const a = []; a.length = n; return a; };", json!({}))
        .function("nested", nested, json!({}))
        .options(|options| options.memory = 48 * 1024 * 1024)
        .build();
    assert_eq!(world.call("f", vec![Bson::Int32(100_000)]).await.unwrap().value.as_array().unwrap().len(), 100_000);
    for (function, length) in [("f", 1_000_000), ("f", 4_000_000_000_i64), ("nested", 100_000)] {
        assert_eq!(world.fails(function, vec![Bson::Int64(length)]).await, "InternalError: out of memory", "{length}");
    }
}

#[tokio::test]
async fn a_call_has_few_reads_of_the_store_in_flight() {
    let source = "exports = async () => { const gate = context.services.get('mongodb-atlas').db('db').collection('gate'); \
                  const reads = []; for (let i = 0; i < 25; i++) reads.push(gate.findOne({}), gate.findOneAndDelete({})); \
                  await gate.updateOne({}, {}); return (await Promise.all(reads)).length; };";
    let world = Arc::new(Draft::new().function("f", source, json!({})).build());
    let count = |name: &str| world.backend.log.lock().unwrap().iter().filter(|line| line.contains(name)).count();
    let calls = begin(&world, &ada(), 1, "ada: findOne gate", 8).await;
    assert_eq!((count("findOneAndDelete"), count("updateOne")), (8, 1));
    while !calls.iter().all(JoinHandle::is_finished) {
        world.backend.gate.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(count("gate"), 51);
    end(&world, calls).await;
}

#[tokio::test]
async fn results_of_the_store_are_charged_until_they_are_delivered() {
    // While the callee runs, the results of the caller arrive but cannot be delivered.
    let source = "exports = async (reads, waits) => { const big = context.services.get('mongodb-atlas').db('db').collection('big'); \
                  const all = []; for (let i = 0; i < reads; i++) all.push(big.findOne({}).then((found) => found.text.length)); \
                  if (waits) context.functions.execute('g'); return (await Promise.all(all)).length; };";
    let callee = "exports = async () => { await new Promise((done) => setTimeout(done, 1000)); };";
    let world = Draft::new()
        .function("f", source, json!({}))
        .function("g", callee, json!({ "run_as_system": true }))
        .options(|options| options.memory = 48 * 1024 * 1024)
        .build();
    let text = "x".repeat(1024 * 1024);
    let document = bson::doc! { "_id": 1, "owner": "ada", "text": text };
    world.backend.insert("big", vec![document]).await;
    for (reads, waits) in [(100, false), (20, true)] {
        let returned = world.value("f", vec![Bson::Int64(reads), Bson::Boolean(waits)]).await;
        assert_eq!(returned, json!({ "$numberLong": reads.to_string() }));
    }
    let reads = vec![Bson::Int64(100), Bson::Boolean(true)];
    assert_eq!(world.fails("f", reads).await, "InternalError: out of memory");
}

#[tokio::test]
async fn results_that_a_call_keeps_end_it_when_they_fill_its_memory() {
    let source = "exports = async () => { const big = context.services.get('mongodb-atlas').db('db').collection('big'); \
                  return (await Promise.all(Array.from({ length: 100 }, () => big.find({}).toArray()))).length; };";
    let world =
        Draft::new().function("f", source, json!({})).options(|options| options.memory = 48 * 1024 * 1024).build();
    let document = bson::doc! { "_id": 1, "owner": "ada", "text": "x".repeat(1024 * 1024) };
    world.backend.insert("big", vec![document]).await;
    assert_eq!(world.fails("f", vec![]).await, "InternalError: out of memory");
}
