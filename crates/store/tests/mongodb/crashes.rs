//! Requests of several writes of which one is under way when the process that sends them is killed, or the server is.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::doc;
use portcullis::guarded::{FindRequest, GuardedError};
use portcullis::store::documents::{DocumentStore, DocumentsError, Find, Namespace};
use portcullis::{GuardedCollection, json};
use portcullis_store::mongodb::MongoDocuments;
use tokio::runtime::Runtime;

use portcullis_testkit::contracts::moves::{guard, happened, perform, request, until_killed};
use portcullis_testkit::mongodb::Server;
use portcullis_testkit::mongodb::World;
use portcullis_testkit::mongodb::clients::connect;

/// Says to this binary that it is the process that is killed, and where it writes.
const WRITER: &str = "PORTCULLIS_TEST_WRITER_URI";

const ROUNDS: u64 = 8;

fn moves() -> Namespace {
    Namespace::parse("killed.moves").unwrap()
}

pub(crate) fn is_writer() -> bool {
    env::var_os(WRITER).is_some()
}

/// The process that is killed.
pub(crate) fn write() {
    Runtime::new().unwrap().block_on(async {
        let client = connect(&env::var(WRITER).unwrap()).await.unwrap();
        until_killed(&MongoDocuments::new(&client), &moves()).await;
    });
}

pub(crate) async fn a_killed_process_leaves_no_request_half_done(world: World) {
    let server = world.own_server().await;
    let client = connect(&server.uri()).await.unwrap();
    // A transaction whose client is gone holds its documents for this long, a minute by default.
    let lifetime = doc! { "setParameter": 1, "transactionLifetimeLimitSeconds": 1 };
    client.database("admin").run_command(lifetime).await.unwrap();
    let store = MongoDocuments::new(&client);
    let (mut total, mut unfinished) = (0, 0);
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .env(WRITER, server.uri())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, started) = std::sync::mpsc::channel();
        let acknowledged = std::thread::spawn(move || {
            let done = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("done ")?.parse::<i64>().ok());
            done.inspect(|_| _ = first.send(())).last()
        });
        started.recv_timeout(Duration::from_secs(60)).unwrap();
        // Somewhere in the middle of another.
        std::thread::sleep(Duration::from_millis(60 + round * 37));
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = acknowledged.join().unwrap().unwrap();
        // The server may still be committing the last of them.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let count = happened(&store, &moves()).await;
        assert!((acknowledged..=acknowledged + 1).contains(&count), "{acknowledged} acknowledged, {count} happened");
        unfinished += i32::from(holds_documents(&client).await);
        total = count;
    }
    println!("{total} requests in {ROUNDS} rounds; after {unfinished} of them a transaction was left open");
    assert!(total > 20, "only {total} requests were made");
}

/// Whether a transaction is open whose client is gone.
async fn holds_documents(client: &mongodb::Client) -> bool {
    let status = client.database("admin").run_command(doc! { "serverStatus": 1 }).await.unwrap();
    status.get_document("transactions").unwrap().get_i64("currentOpen").unwrap() > 0
}

pub(crate) async fn a_killed_server_loses_no_request_and_leaves_none_half_done(world: World) {
    let mut server = world.own_server().await;
    let client = connect(&server.uri()).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write_while_it_is_killed(client, Arc::clone(&is_over)));
    for round in 0..5 {
        tokio::time::sleep(Duration::from_millis(700 + round * 61)).await;
        server.stop();
        server.start_again().await;
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    is_over.store(true, Ordering::Relaxed);
    let (acknowledged, failed, unknown, longest) = writer.await.unwrap();
    let client = connect(&server.uri()).await.unwrap();
    assert_eq!(happened(&MongoDocuments::new(&client), &moves()).await, acknowledged);
    println!(
        "{acknowledged} requests happened while the server was killed 5 times; {failed} failed, {unknown} with an unknown \
         outcome; the slowest took {longest:.1?}"
    );
    assert!(acknowledged > 20, "only {acknowledged} requests happened");
    assert!(longest > Duration::from_millis(200), "no request met a kill");
}

/// Writes on whatever happens. After a failure it looks at what has happened: nothing, unless that was said to be unknown.
async fn write_while_it_is_killed(client: mongodb::Client, is_over: Arc<AtomicBool>) -> (i64, u32, u32, Duration) {
    let store = MongoDocuments::new(&client);
    let (mut number, mut failed, mut unknown, mut longest) = (0, 0, 0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        match perform(&store, &moves(), number + 1).await {
            Ok(_) => number += 1,
            Err(error) => {
                assert!(matches!(error, GuardedError::Store(_)), "{error:?}");
                while !can_be_asked(&store).await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let count = happened(&store, &moves()).await;
                if matches!(error, GuardedError::Store(DocumentsError::OutcomeUnknown(_))) {
                    unknown += 1;
                    assert!((number..=number + 1).contains(&count), "{number} acknowledged, {count} happened");
                    number = count;
                } else {
                    failed += 1;
                    assert_eq!(count, number, "it happened, but this was told: {:?}", error.private());
                }
            }
        }
        longest = longest.max(began.elapsed());
    }
    (number, failed, unknown, longest)
}

async fn can_be_asked(store: &MongoDocuments) -> bool {
    let one = Find { limit: Some(1), ..Find::default() };
    match store.find(&moves(), &one).await {
        Ok(mut cursor) => cursor.batch().await.is_ok(),
        Err(_) => false,
    }
}

pub(crate) async fn a_standalone_server_serves_reads_and_refuses_several_writes(world: World) {
    let server = Server::start_single(world.mongod.clone()).await.unwrap();
    let client = connect(&server.uri()).await.unwrap();
    let stored = [doc! { "_id": 1, "move": 1, "owner": "ada" }, doc! { "_id": 2, "move": 2, "owner": "bo" }];
    client.database("killed").collection::<bson::Document>("moves").insert_many(&stored).await.unwrap();
    let (store, guard) = (MongoDocuments::new(&client), guard());
    let collection = GuardedCollection::new(&store, moves(), &guard);
    let error = collection.write(&request(3)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this server has no transactions, and the request contains several writes; they need a replica set, which a single server \
         can be too (`mongod --replSet`)"
    );
    let all = FindRequest::parse(&json::parse("{}").unwrap()).unwrap();
    let found = collection.find(&all).await.unwrap().all().await.unwrap();
    let found: Vec<_> = found.iter().map(|one| bson::Document::try_from(one).unwrap()).collect();
    assert_eq!(found, stored[..1]);
    assert_eq!(collection.count(&all).await.unwrap(), 1);
    let there = client.database("killed").collection::<bson::Document>("moves").count_documents(doc! {}).await.unwrap();
    assert_eq!(there, 2, "something was written");
}
