//! Users and an administrator without rules who write the same documents at once. The server's own history of what was
//! committed is judged afterwards by the interpreter that shares no code with the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::Collection;
use mongodb::change_stream::ChangeStream;
use mongodb::options::{FullDocumentBeforeChangeType, FullDocumentType};
use portcullis::GuardedCollection;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_store::mongodb::MongoDocuments;
use serde_json::{Value as Json, json};

use crate::replaying_store::ReplayingStore;
use portcullis_testkit::contracts::racing::{
    Answer, Dice, KEPT, Race, check_the_end, kept, race, report, rules, user, writes_of_a_task,
};
use portcullis_testkit::contracts::writes::{guard, write};
use portcullis_testkit::mongodb::World;
use portcullis_testkit::naive::Writes;

/// A change that the server tells of.
struct Committed {
    before: Option<Document>,
    after: Option<Document>,
    /// The session's transaction; none for a write outside of any, as the administrator's are.
    transaction: Option<String>,
}

/// A race, and what the server tells of it.
struct Told {
    race: Race,
    history: Vec<Committed>,
    hits_by_others: i64,
    stored: Vec<Document>,
}

async fn told(world: &World, store: Arc<dyn DocumentStore>, writes: u64) -> Told {
    let create = doc! { "create": "racing", "changeStreamPreAndPostImages": { "enabled": true } };
    world.database.run_command(create).await.unwrap();
    let collection = world.database.collection::<Document>("racing");
    collection.insert_many(kept()).await.unwrap();
    let history = collection
        .watch()
        .full_document(FullDocumentType::Required)
        .full_document_before_change(FullDocumentBeforeChangeType::Required)
        .await
        .unwrap()
        .with_type::<Document>();
    let is_over = Arc::new(AtomicBool::new(false));
    let administrator = tokio::spawn(administer(collection.clone(), Arc::clone(&is_over)));
    let history = tokio::spawn(all(history));
    let namespace = Namespace::parse(&format!("{}.racing", world.database.name())).unwrap();
    let began = Instant::now();
    let race = race(store, namespace, writes).await;
    let took = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let hits_by_others = administrator.await.unwrap();
    collection.insert_one(doc! { "_id": "end" }).await.unwrap();
    let history = history.await.unwrap();
    let by_users = history.iter().filter(|one| one.transaction.is_some()).count();
    println!("{} changes in {took:.1?}, {by_users} of them by users", history.len());
    let mut stored = Vec::new();
    let mut cursor = collection.find(doc! { "_id": { "$ne": "end" } }).await.unwrap();
    while cursor.advance().await.unwrap() {
        stored.push(cursor.deserialize_current().unwrap());
    }
    Told { race, history, hits_by_others, stored }
}

impl Committed {
    /// Who says to have made it, and in which request.
    fn serial(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).unwrap().get_str("serial").unwrap()
    }

    /// Why the rules deny it to a user.
    fn refusal(&self, rules: &Json, name: &str) -> Option<String> {
        Writes::new(rules, &user(name)).refusal(self.before.as_ref(), self.after.as_ref())
    }
}

/// The changes by users that the rules deny for the document that was stored then.
fn denied(history: &[Committed]) -> Vec<String> {
    let rules = rules();
    let by_users = history.iter().filter(|one| one.transaction.is_some());
    let refusals = by_users.filter_map(|one| {
        let (name, _) = one.serial().split_once(' ').unwrap();
        let refusal = one.refusal(&rules, name)?;
        Some(format!("{}: {:?}\n  became {:?}\n  {refusal}", one.serial(), one.before, one.after))
    });
    refusals.collect()
}

/// A check that comes before the write and not with it: what these tests must find.
pub(crate) async fn the_race_test_detects_writes_that_are_checked_too_early(world: World) {
    let replaying = Arc::new(ReplayingStore(MongoDocuments::new(&world.client)));
    let told = told(&world, replaying, 120).await;
    let denied = denied(&told.history);
    println!("{} changes are not allowed", denied.len());
    assert!(!denied.is_empty());
}

pub(crate) async fn every_committed_write_is_allowed_for_the_document_it_replaced(world: World) {
    let store = Arc::new(MongoDocuments::new(&world.client));
    let Told { race, history, hits_by_others, stored } = told(&world, store, writes_of_a_task()).await;
    report(&race);
    let denied = denied(&history);
    assert!(denied.is_empty(), "{} changes are not allowed:\n{}", denied.len(), denied.join("\n"));

    // Who made a change is what it says, or, of a delete, what the same transaction said just before.
    let mut changes: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    let mut said = BTreeMap::new();
    for one in &history {
        let serial = one.serial();
        let Some(transaction) = &one.transaction else {
            assert!(one.after.is_none() || serial.starts_with("admin "), "{serial} is outside of any transaction");
            continue;
        };
        let counts = changes.entry(serial).or_default();
        match (&one.before, &one.after) {
            (None, _) => counts.0 += 1,
            (_, Some(_)) => counts.1 += 1,
            (_, None) => {
                counts.2 += 1;
                assert_eq!(said.get(serial), Some(&transaction), "who deleted this?");
            }
        }
        said.insert(serial, transaction);
    }

    // What was acknowledged is in the history as often as it was acknowledged, and nothing else is.
    for told in &race.told {
        let seen = changes.remove(&*told.serial).unwrap_or_default();
        let expected = match &told.answer {
            Answer::Denied | Answer::Taken => (0, 0, 0),
            Answer::Done(written) => written.iter().fold((0, 0, 0), |(inserted, changed, deleted), one| {
                let new = u64::from(one.upserted.is_some()) + u64::try_from(one.inserted.len()).unwrap();
                (inserted + new, changed + one.modified, deleted + one.deleted)
            }),
        };
        assert_eq!(seen, expected, "{told:?}");
    }
    assert!(changes.is_empty(), "nobody was told of {changes:?}");

    // One history: each change begins with the document that the one before it left.
    let mut now: BTreeMap<String, Document> = kept().into_iter().map(|one| (id(&one), one)).collect();
    for one in &history {
        let id = id(one.after.as_ref().or(one.before.as_ref()).unwrap());
        assert_eq!(now.get(&id), one.before.as_ref(), "a lost update of {id}");
        match &one.after {
            Some(after) => now.insert(id, after.clone()),
            None => now.remove(&id),
        };
    }
    check_the_end(&race, &stored, hits_by_others);
    assert_eq!(stored.into_iter().map(|one| (id(&one), one)).collect::<BTreeMap<_, _>>(), now);
    assert!(race.retried > 20, "nobody met anybody");
}

fn id(document: &Document) -> String {
    format!("{:?}", document.get("_id"))
}

/// All changes until the document `end` is inserted.
async fn all(mut stream: ChangeStream<Document>) -> Vec<Committed> {
    let mut changes = Vec::new();
    loop {
        let Some(event) = stream.next_if_any().await.unwrap() else { continue };
        let image = |name: &str| event.get_document(name).ok().cloned();
        let (before, after) = (image("fullDocumentBeforeChange"), image("fullDocument"));
        if after.as_ref().is_some_and(|after| after.get_str("_id").ok() == Some("end")) {
            return changes;
        }
        assert!(before.is_some() || after.is_some(), "{event}");
        let transaction = event.get("txnNumber").map(|number| format!("{:?} {number}", event.get("lsid")));
        changes.push(Committed { before, after, transaction });
    }
}

/// Changes documents between, by no rules: gives them to others, opens them again, lowers their level, deletes some. Returns how
/// many hits it gave.
async fn administer(collection: Collection<Document>, is_over: Arc<AtomicBool>) -> i64 {
    let (mut dice, mut hits, mut round) = (Dice(99), 0, 0);
    while !is_over.load(Ordering::Relaxed) {
        round += 1;
        let serial = format!("admin {round}");
        let kept = doc! { "_id": i64::try_from(dice.below(u64::try_from(KEPT).unwrap())).unwrap() };
        let set = |fields: Document| {
            let mut fields = fields;
            fields.extend(doc! { "by": "admin", "serial": &serial });
            doc! { "$set": fields }
        };
        match dice.below(10) {
            0..3 => {
                let opened = doc! { "kept": true, "status": "approved" };
                collection.update_many(opened, set(doc! { "status": "draft" })).await.unwrap();
            }
            3..6 => {
                collection.update_one(kept, set(doc! { "owner": dice.user() })).await.unwrap();
            }
            6..8 => {
                let level = i64::try_from(dice.below(70)).unwrap();
                collection.update_one(kept, set(doc! { "level": level })).await.unwrap();
            }
            8 => {
                let mut update = set(doc! {});
                update.insert("$inc", doc! { "hits": 1_i64 });
                let done = collection.update_one(kept, update).await.unwrap();
                hits += i64::try_from(done.modified_count).unwrap();
            }
            _ => {
                let shared = doc! { "_id": format!("shared {}", dice.below(4)) };
                collection.delete_one(shared).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hits
}

pub(crate) async fn concurrent_writers_of_one_document_need_few_attempts(world: World) {
    const WRITERS: usize = 40;
    let (client, sent) = world.listening("&maxPoolSize=100").await;
    let store = MongoDocuments::new(&client);
    let namespace = Namespace::parse(&format!("{}.things", world.database.name())).unwrap();
    world.database.collection::<Document>("things").insert_one(doc! { "_id": 1, "n": 0 }).await.unwrap();
    let rules = json!({ "roles": [{ "name": "all", "apply_when": {}, "read": true, "write": true }] });
    let began = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (store, namespace, rules) = (store.clone(), namespace.clone(), rules.clone());
        writers.spawn(async move {
            let guard = guard(&rules, &json!({ "id": "u1" }));
            let change = json!({ "updateOne": { "filter": { "_id": 1 }, "update": { "$inc": { "n": 1 } } } });
            write(&GuardedCollection::new(&store, namespace, &guard), &change).await.unwrap();
        });
    }
    writers.join_all().await;
    let attempts = sent.take().iter().filter(|sent| sent.command.contains_key("startTransaction")).count();
    println!("{attempts} attempts, {:?}", began.elapsed());
    let n = i32::try_from(WRITERS).unwrap();
    let stored = world.database.collection::<Document>("things").find_one(doc! {}).await.unwrap();
    assert_eq!(stored, Some(doc! { "_id": 1, "n": n }));
    assert!(attempts <= 5 * WRITERS, "{attempts} attempts");
}
