//! Measures the cost of rules in front of a MongoDB server: `cargo bench --bench guarded`.
//!
//! It starts a server of its own, like the tests, or uses the one at `PORTCULLIS_BENCH_URI`, where it creates and
//! drops the database `portcullis_bench`. `PORTCULLIS_BENCH_DOCUMENTS` sets the number of documents (default: a
//! million). Contenders take turns, so that other work on the machine affects them equally; the results are medians.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, CollectionOptions, InsertManyOptions, ReadConcern};
use mongodb::{Client, Collection, IndexModel};
use portcullis::Context;
use portcullis::access::Buffer;
use portcullis::guarded::FindRequest;
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::Namespace;
use portcullis::{Guard, GuardedCollection, User, json};
use portcullis_store::mongodb::{MongoDocuments, connect};
use portcullis_testkit::mongodb::{Server, mongod};

const DATABASE: &str = "portcullis_bench";

/// The number of documents that each user may read.
const OWNED: i32 = 100;

const BATCH: i32 = 10_000;

const FINDS: usize = 101;
const FETCHES: usize = 3;
const LOOK_UPS: usize = 4001;

/// Permits the user to read their own documents as a whole.
const WHOLE: &str =
    r#"{"roles": [{"name": "owner", "apply_when": {"owner": "%%user.id"}, "read": true, "write": true}]}"#;

/// The same for managers of the team; owners see `pay` only in closed documents, and never `note`.
const REDACTED: &str = r#"{"roles": [
    {"name": "manager", "apply_when": {"team": {"$in": "%%user.custom_data.manages"}}, "read": true, "write": true},
    {"name": "owner", "apply_when": {"owner": "%%user.id"}, "additional_fields": {"read": true},
     "fields": {"note": {}, "pay": {"read": {"%%root.status": "closed"}}}}
]}"#;

fn document(id: i32) -> Document {
    doc! {
        "_id": id,
        // Adjacent documents belong to different users.
        "owner": owner(id % (count() / OWNED).max(1)),
        "team": format!("team {}", id % 97),
        "status": if id % 3 == 0 { "closed" } else { "open" },
        "pay": f64::from(id % 5000) + 0.5,
        "address": { "street": "Am Alten Hafen 118", "zip": "27568", "city": "Bremerhaven" },
        "note": "On call in the first week of the month; holds the certificate for the northern approach.",
    }
}

fn owner(number: i32) -> String {
    format!("user-{number:06}")
}

fn count() -> i32 {
    std::env::var("PORTCULLIS_BENCH_DOCUMENTS").map_or(1_000_000, |text| text.parse().expect("a number of documents"))
}

fn guard(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).expect("JSON")).expect("rules");
    let user = User::new(owner(42)).with_custom_data(doc! { "manages": ["team x", "team y"] });
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(user))
}

async fn fill(client: &Client) -> Collection<RawDocumentBuf> {
    let database = client.database(DATABASE);
    database.drop().await.expect("a server that can be written to");
    let things = database.collection::<Document>("things");
    things.create_index(IndexModel::builder().keys(doc! { "owner": 1 }).build()).await.expect("an index");
    let options = InsertManyOptions::builder().ordered(false).build();
    for first in (0..count()).step_by(BATCH as usize) {
        let batch = (first..(first + BATCH).min(count())).map(document);
        things.insert_many(batch).with_options(options.clone()).await.expect("documents");
    }
    database.collection("things")
}

async fn drain(mut cursor: mongodb::Cursor<RawDocumentBuf>, mut see: impl FnMut(&RawDocumentBuf)) -> usize {
    let mut documents = 0;
    while cursor.advance().await.expect("documents") {
        see(&cursor.current().to_owned());
        documents += 1;
    }
    documents
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn timed(times: &mut Vec<Duration>, work: impl Future<Output = usize>) -> usize {
    let began = Instant::now();
    let documents = black_box(work.await);
    times.push(began.elapsed());
    documents
}

/// Reads all documents that the user may read.
async fn everything(things: &Collection<RawDocumentBuf>, guarded: &GuardedCollection<'_>, guard: &Guard) {
    let (mut by_guard, mut by_hand, mut by_fetching) = (Vec::new(), Vec::new(), Vec::new());
    let request = FindRequest::parse(&json::parse("{}").expect("JSON")).expect("a request");
    for round in 0..FINDS {
        let found = async { guarded.find(&request).await.expect("a find").all().await.expect("documents").len() };
        let by_the_guard = timed(&mut by_guard, found).await;
        let filter = doc! { "owner": owner(42) };
        let found = async { drain(things.find(filter).await.expect("a find"), |_| {}).await };
        assert_eq!(timed(&mut by_hand, found).await, by_the_guard);
        if round % (FINDS / FETCHES) == 0 {
            let found = async {
                let (mut buffer, mut allowed) = (Buffer::new(), 0);
                drain(things.find(doc! {}).await.expect("a find"), |one| {
                    allowed += usize::from(guard.read_into(one, &mut buffer).allowed().is_some());
                })
                .await;
                allowed
            };
            assert_eq!(timed(&mut by_fetching, found).await, by_the_guard);
        }
    }
    let (guard, hand, fetch) = (median(by_guard), median(by_hand), median(by_fetching));
    println!("| all {OWNED} that the user may read | median | beside the guard |");
    println!("| --- | --- | --- |");
    for (name, time) in
        [("guarded find", guard), ("filter by hand, bare driver", hand), ("fetch all, evaluate each", fetch)]
    {
        println!("| {name} | {:.2} ms | ×{:.2} |", millis(time), time.as_secs_f64() / guard.as_secs_f64());
    }
    println!();
}

/// Looks up one document by `_id`: with a guard, with a bare driver that trusts its user, and with a bare driver that
/// sends the same command as the guard.
async fn one(name: &str, things: &Collection<RawDocumentBuf>, guarded: &GuardedCollection<'_>, guard: &Guard) {
    let (mut by_guard, mut by_hand, mut by_command) = (Vec::new(), Vec::new(), Vec::new());
    let options = CollectionOptions::builder().read_concern(ReadConcern::majority()).build();
    let database = things.client().database(DATABASE);
    let same = database.collection_with_options::<RawDocumentBuf>(things.name(), options);
    let step = count() / OWNED;
    for round in 0..LOOK_UPS {
        // A document that the user owns.
        let id = 42 + step * i32::try_from(round).expect("a number").rem_euclid(OWNED);
        let found = async {
            let text = format!(r#"{{"filter": {{"_id": {id}}}}}"#);
            let request = FindRequest::parse(&json::parse(&text).expect("JSON")).expect("a request");
            usize::from(guarded.find_one(&request).await.expect("a find").is_some())
        };
        assert_eq!(timed(&mut by_guard, found).await, 1);
        let found = async { usize::from(things.find_one(doc! { "_id": id }).await.expect("a find").is_some()) };
        assert_eq!(timed(&mut by_hand, found).await, 1);
        let filter =
            doc! { "$and": [guard.plan().expect("a plan").filter().expect("a filter"), { "_id": { "$eq": id } }] };
        let found = async {
            let find = same.find(filter).limit(1).max_time(Duration::from_secs(30));
            let simple = Collation::builder().locale("simple").build();
            drain(find.collation(simple).await.expect("a find"), |_| {}).await
        };
        assert_eq!(timed(&mut by_command, found).await, 1);
    }
    let [guard, hand, command] = [by_guard, by_hand, by_command].map(median);
    let ratio = |other: Duration| guard.as_secs_f64() / other.as_secs_f64();
    println!(
        "| {name} | {:.0} µs | {:.0} µs | ×{:.2} | {:.0} µs | ×{:.2} |",
        micros(guard),
        micros(hand),
        ratio(hand),
        micros(command),
        ratio(command)
    );
}

/// The work of Portcullis itself, before and after the database is queried.
fn own_work(name: &str, guard: &Guard) {
    let stored = RawDocumentBuf::try_from(&document(42)).expect("BSON");
    let (mut parsing, mut planning, mut seeing) = (Vec::new(), Vec::new(), Vec::new());
    let mut buffer = Buffer::new();
    for _ in 0..LOOK_UPS {
        let began = Instant::now();
        let request = FindRequest::parse(&json::parse(r#"{"filter": {"_id": 42}}"#).expect("JSON")).expect("a request");
        parsing.push(began.elapsed());
        black_box(request);
        let began = Instant::now();
        black_box(guard.plan().expect("a plan"));
        planning.push(began.elapsed());
        let began = Instant::now();
        black_box(guard.read_into(&stored, &mut buffer).allowed());
        seeing.push(began.elapsed());
    }
    let [parsing, planning, seeing] = [parsing, planning, seeing].map(median).map(micros);
    println!(
        "{name}: the request is read in {parsing:.1} µs, the plan made in {planning:.1}, a document redacted in {seeing:.1}"
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() {
    let own = match std::env::var("PORTCULLIS_BENCH_URI") {
        Ok(_) => None,
        Err(_) => Some(Server::start(mongod().expect("a mongod")).await.expect("a server")),
    };
    let uri = own.as_ref().map_or_else(|| std::env::var("PORTCULLIS_BENCH_URI").unwrap(), Server::uri);
    let client = connect(&uri).await.expect("a connection string");
    let things = fill(&client).await;
    println!("{} documents of {} bytes\n", count(), bson::serialize_to_vec(&document(0)).expect("BSON").len());
    let store = MongoDocuments::new(&client);
    let namespace = Namespace::parse(&format!("{DATABASE}.things")).expect("a namespace");
    let (whole, redacted) = (guard(WHOLE), guard(REDACTED));
    let collection = |guard| GuardedCollection::new(&store, namespace.clone(), guard);
    everything(&things, &collection(&whole), &whole).await;
    println!("| `findOne` by `_id` | guarded | bare driver | ratio | the same command, bare | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let policies = [("a role that reads everything", &whole), ("two roles, fields left out", &redacted)];
    for (name, guard) in policies {
        one(name, &things, &collection(guard), guard).await;
    }
    println!();
    for (name, guard) in policies {
        own_work(name, guard);
    }
    client.database(DATABASE).drop().await.expect("the end");
}
