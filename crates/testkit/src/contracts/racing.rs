//! Users who write to the same few documents concurrently, on any store, under rules that depend on the current state
//! of each document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::guarded::{GuardedError, Written, parse_writes};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{Cursor, DocumentStore, DocumentsError, Find, Namespace, Transaction, Turn};
use portcullis::{BoxFuture, Guard, GuardedCollection, json};
use serde_json::{Value as Json, json};

pub const TASKS: u64 = 8;

/// The number of documents that nobody may delete.
pub const KEPT: i64 = 5;

const USERS: [&str; 5] = ["ada", "bo", "cy", "dee", "eve"];

/// The number of requests that each task sends.
pub fn writes_of_a_task() -> u64 {
    std::env::var("PORTCULLIS_TEST_RACE").map_or(500, |text| text.parse().unwrap())
}

/// Rules that depend on the stored owner, status and level.
pub fn rules() -> Json {
    json!({"roles": [
        {
            "name": "approver",
            "apply_when": {"%%user.custom_data.approver": true, "status": "draft", "owner": {"%not": {"$eq": "%%user.id"}}},
            "fields": {
                "status": {"read": true, "write": {"%%this": "approved", "%%prev": "draft"}},
                "approvals": {"read": true, "write": {"%%this": {"$gt": "%%prev"}}},
                "hits": {"read": true, "write": {"%%this": {"$gt": "%%prev"}}},
                "by": {"read": true, "write": {"%%this": "%%user.id"}},
                "serial": {"read": true, "write": true}
            },
            "additional_fields": {"read": true}
        },
        {
            "name": "owner",
            "apply_when": {"owner": "%%user.id", "status": "draft"},
            "read": true,
            "write": {
                "by": "%%user.id",
                "%or": [{"%%prevRoot": {"$exists": false}}, {"%%root.level": {"$gte": "%%prevRoot.level"}}]
            },
            "delete": {"kept": {"$exists": false}, "level": {"$lt": 40}}
        },
        {
            "name": "visitor",
            "apply_when": {"status": "draft", "level": {"$lt": 60}},
            "fields": {
                "hits": {"read": true, "write": {"%%this": {"$gt": "%%prev"}}},
                "by": {"read": true, "write": {"%%this": "%%user.id"}},
                "serial": {"read": true, "write": true}
            },
            "additional_fields": {"read": true}
        },
        {"name": "reader", "apply_when": {}, "read": {"level": {"$lt": 60}}}
    ]})
}

pub fn user(name: &str) -> Json {
    let approver = ["dee", "eve"].contains(&name);
    json!({"id": name, "custom_data": {"approver": approver}})
}

fn guard(name: &str) -> Guard {
    let node = |json: &Json| json::parse(&json.to_string()).unwrap();
    let rules = policy::compile(&node(&rules())).unwrap();
    let user = portcullis::testfile::user(json::to_document(&node(&user(name))).unwrap()).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(user))
}

/// The initial documents.
pub fn kept() -> Vec<Document> {
    let one = |id: i64| {
        let owner = USERS[usize::try_from(id).unwrap() % USERS.len()];
        doc! {
            "_id": id, "kept": true, "owner": owner, "status": "draft", "level": 0_i64, "hits": 0_i64, "approvals": 0_i64,
            "by": owner, "serial": "first",
        }
    };
    (0..KEPT).map(one).collect()
}

/// Pseudo-random numbers that are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub fn user(&mut self) -> &'static str {
        USERS[usize::try_from(self.below(5)).unwrap()]
    }
}

/// A request: its kind, as in the report, and the writes.
fn request(dice: &mut Dice, me: &str, serial: &str) -> (&'static str, Json) {
    let mark = |mut fields: Json| {
        fields["by"] = json!(me);
        fields["serial"] = json!(serial);
        fields
    };
    let kept = dice.below(u64::try_from(KEPT).unwrap());
    let shared = format!("shared {}", dice.below(4));
    match dice.below(100) {
        0..24 => {
            let update = json!({"$inc": {"hits": 1}, "$set": mark(json!({}))});
            ("visit", json!({"updateOne": {"filter": {"_id": kept}, "update": update}}))
        }
        24..40 => {
            let by = [-1, 1, 1, 3][usize::try_from(dice.below(4)).unwrap()];
            let update = json!({"$inc": {"level": by}, "$set": mark(json!({}))});
            ("level", json!({"updateOne": {"filter": {"_id": kept}, "update": update}}))
        }
        40..52 => {
            let update = json!({"$set": mark(json!({"owner": dice.user()}))});
            (
                "give away",
                json!({"findOneAndUpdate": {"filter": {"_id": kept}, "update": update, "returnDocument": "after"}}),
            )
        }
        52..60 => {
            let update = json!({"$inc": {"approvals": 1}, "$set": mark(json!({"status": "approved"}))});
            ("approve", json!({"updateOne": {"filter": {"_id": kept}, "update": update}}))
        }
        60..64 => {
            let update = json!({"$set": mark(json!({"note": serial}))});
            ("note", json!({"updateOne": {"filter": {"_id": kept}, "update": update}}))
        }
        64..70 => {
            let filter = json!({"kept": true, "owner": dice.user(), "status": "draft"});
            let update = json!({"$inc": {"hits": 1}, "$set": mark(json!({}))});
            ("visit many", json!({"updateMany": {"filter": filter, "update": update}}))
        }
        70..74 => {
            let owner = if dice.below(3) == 0 { dice.user() } else { me };
            let fields =
                mark(json!({"_id": format!("new {serial}"), "owner": owner, "status": "draft", "level": 0, "hits": 0}));
            ("insert", json!({"insertOne": {"document": fields}}))
        }
        74..82 => {
            let first = json!({"owner": me, "status": "draft", "level": 0, "hits": 0});
            let update = json!({"$setOnInsert": first, "$set": mark(json!({}))});
            ("upsert", json!({"updateOne": {"filter": {"_id": shared}, "update": update, "upsert": true}}))
        }
        82..89 => {
            // The update records who deletes the document.
            let filter = json!({"_id": shared});
            let update = json!({"$set": mark(json!({}))});
            ("delete", json!([{"updateOne": {"filter": filter, "update": update}}, {"deleteOne": {"filter": filter}}]))
        }
        89..95 => {
            let other = dice.below(u64::try_from(KEPT).unwrap());
            let one = |id: u64, by: i32| {
                let update = json!({"$inc": {"level": by, "hits": 1}, "$set": mark(json!({}))});
                json!({"updateOne": {"filter": {"_id": id}, "update": update}})
            };
            let by = if dice.below(2) == 0 { -1 } else { 1 };
            ("two levels", json!([one(kept, 1), one(other, by)]))
        }
        95..98 => {
            let replacement = mark(json!({"owner": me, "status": "draft", "level": dice.below(50), "hits": 0}));
            ("replace", json!({"replaceOne": {"filter": {"_id": shared}, "replacement": replacement, "upsert": true}}))
        }
        _ => {
            let update = json!({"$inc": {"hits": 1}, "$set": {"by": "nobody", "serial": serial}});
            ("lie", json!({"updateOne": {"filter": {"_id": kept}, "update": update}}))
        }
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub enum Answer {
    /// The writes were acknowledged.
    Done(Vec<Written>),
    /// The rules denied it.
    Denied,
    /// It failed with a duplicate key.
    Taken,
}

/// What a task learned about one request.
#[derive(Debug)]
pub struct Told {
    pub kind: &'static str,
    /// Unique, and starts with the user's name.
    pub serial: String,
    pub answer: Answer,
}

impl Told {
    /// The number of hits that it added to the permanent documents.
    pub fn hits(&self) -> i64 {
        let Answer::Done(written) = &self.answer else { return 0 };
        if !["visit", "visit many", "two levels"].contains(&self.kind) {
            return 0;
        }
        written.iter().map(|one| i64::try_from(one.modified).unwrap()).sum()
    }
}

/// Counts how often a transaction is begun.
pub struct Counting<'s> {
    store: &'s dyn DocumentStore,
    begun: AtomicU64,
}

impl DocumentStore for Counting<'_> {
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.store.find(namespace, find)
    }

    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.store.aggregate(namespace, pipeline)
    }

    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        self.store.pause(attempt)
    }

    fn turn<'a>(&'a self, namespace: &'a Namespace) -> BoxFuture<'a, Turn> {
        self.store.turn(namespace)
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.store.begin()
    }
}

/// What all tasks learned, and how often a transaction was retried.
pub struct Race {
    pub told: Vec<Told>,
    pub retried: u64,
}

/// Runs eight tasks concurrently, each of which sends this many requests, and waits for them.
pub async fn race(store: Arc<dyn DocumentStore>, namespace: Namespace, writes: u64) -> Race {
    let tasks = (0..TASKS).map(|number| tokio::spawn(task(Arc::clone(&store), namespace.clone(), number, writes)));
    let (mut told, mut retried) = (Vec::new(), 0);
    for task in tasks.collect::<Vec<_>>() {
        let (of_task, retried_by_task) = task.await.unwrap();
        told.extend(of_task);
        retried += retried_by_task;
    }
    Race { told, retried }
}

async fn task(store: Arc<dyn DocumentStore>, namespace: Namespace, number: u64, writes: u64) -> (Vec<Told>, u64) {
    let me = USERS[usize::try_from(number).unwrap() % USERS.len()];
    let guard = guard(me);
    let store = Counting { store: &*store, begun: AtomicU64::new(0) };
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let mut dice = Dice(number + 1);
    let (mut told, mut retried) = (Vec::new(), 0);
    for round in 0..writes {
        let serial = format!("{me} {number}-{round}");
        let (kind, writes) = request(&mut dice, me, &serial);
        let writes = parse_writes(&json::parse(&writes.to_string()).unwrap()).unwrap();
        let begun = store.begun.load(Ordering::Relaxed);
        let answer = collection.write(&writes).await;
        // A denied insert does not begin a transaction.
        retried += (store.begun.load(Ordering::Relaxed) - begun).saturating_sub(1);
        let answer = match answer {
            Ok(written) => Answer::Done(written),
            Err(GuardedError::Denied { .. }) => Answer::Denied,
            Err(GuardedError::Store(DocumentsError::DuplicateKey)) => Answer::Taken,
            Err(error) => panic!("{kind} {serial}: {error}: {:?}", error.private()),
        };
        told.push(Told { kind, serial, answer });
    }
    (told, retried)
}

/// Prints the outcomes, and asserts that the tasks actually competed.
pub fn report(race: &Race) {
    let mut table: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for told in &race.told {
        let row = table.entry(told.kind).or_default();
        row[match &told.answer {
            Answer::Done(written) if written.iter().any(|one| *one != Written::default()) => 0,
            Answer::Done(_) => 1,
            Answer::Denied => 2,
            Answer::Taken => 3,
        }] += 1;
    }
    let mut sums = [0; 4];
    for (kind, row) in &table {
        println!(
            "{kind}: {} committed, {} found nothing, {} denied, {} with a key that was taken",
            row[0], row[1], row[2], row[3]
        );
        for (sum, one) in sums.iter_mut().zip(row) {
            *sum += one;
        }
    }
    println!("all: {sums:?}, {} transactions were tried again", race.retried);
    // How many are denied depends on how often the administrator interferes, and therefore on the machine.
    assert!(sums[0] > race.told.len() / 10 && sums[2] > race.told.len() / 10, "{sums:?}");
}

/// Asserts that the stored documents match what was acknowledged: no hit is lost, and exactly the acknowledged
/// inserts are there.
pub fn check_the_end(race: &Race, stored: &[Document], hits_by_others: i64) {
    let hits: i64 = stored.iter().filter(|one| one.contains_key("kept")).map(|one| number(one, "hits")).sum();
    let acknowledged: i64 = race.told.iter().map(Told::hits).sum();
    assert_eq!(hits, acknowledged + hits_by_others, "hits stored, and acknowledged");
    let inserted = race.told.iter().filter_map(|told| match &told.answer {
        Answer::Done(written) => written.first()?.inserted.first()?.as_str().map(str::to_owned),
        _ => None,
    });
    let mut inserted: Vec<_> = inserted.collect();
    inserted.sort();
    let mut found: Vec<_> = stored.iter().filter_map(|one| one.get_str("_id").ok()).map(str::to_owned).collect();
    found.retain(|id| id.starts_with("new "));
    found.sort();
    assert_eq!(found, inserted, "what was inserted");
}

pub fn number(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{name} is {other:?} in {document}"),
    }
}
