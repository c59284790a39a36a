//! The law of two worlds for streams of changes: of two stores that differ only in what a user may not read, he is told the same.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::Context;
use portcullis::access::Query;
use portcullis::guarded::{VisibleChange, WatchEvent};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{Change, DocumentStore, Namespace, Transaction, WatchScope, WatchStart};
use portcullis::{Guard, GuardedCollection, User, json};
use portcullis_store::EmbeddedDocuments;

use crate::changes::position;

/// What decides what is visible: of documents of team `a` the name, and of its pay the grade.
const POLICIES: [&str; 4] = [
    r#"{"roles": [{"name": "r", "apply_when": {"team": "a"}, "fields": {
        "_id": {"read": true}, "name": {"read": true}, "pay": {"fields": {"grade": {"read": true}}}
    }}]}"#,
    r#"{"roles": [{"name": "r", "apply_when": {"%%user.id": "u1"}, "document_filters": {"read": {"team": "a"}, "write": false}, "fields": {
        "_id": {"read": true}, "name": {"read": true}, "pay": {"fields": {"grade": {"read": true}}}
    }}]}"#,
    // Without the `_id`.
    r#"{"roles": [{"name": "r", "apply_when": {"team": "a"}, "fields": {
        "name": {"read": true}, "pay": {"fields": {"grade": {"read": true}}}
    }}]}"#,
    // By a filter of the rules, and a projection.
    r#"{"filters": [{"name": "f", "apply_when": {}, "query": {"team": "a"}, "projection": {"_id": 1, "name": 1, "pay.grade": 1}}],
        "roles": [{"name": "r", "apply_when": {}, "read": true}]}"#,
];

const FILTERS: [&str; 5] = [
    "{}",
    r#"{"name": {"$gte": 3}}"#,
    r#"{"secret": {"$gt": 4}}"#,
    r#"{"secret": null}"#,
    r#"{"_id": {"$in": [1, 3, 5]}}"#,
];

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn number(&mut self, bound: u64) -> i32 {
        i32::try_from(self.below(bound)).unwrap()
    }
}

/// What a user sees of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    name: i32,
    grade: i32,
}

impl Shown {
    fn any(random: &mut Random) -> Self {
        Self { name: random.number(6), grade: random.number(3) }
    }

    /// A whole document of which that is visible, and of which all else is of one world.
    fn document(self, id: i32, hidden: &mut Random) -> Document {
        let mut document = doc! { "_id": id, "team": "a", "name": self.name };
        // The order of what is visible is the same.
        if hidden.below(2) == 0 {
            document.insert("secret", hidden.number(9));
        }
        document.insert("pay", doc! { "bonus": hidden.number(9), "grade": self.grade });
        document
    }
}

fn set(fields: Document) -> Change {
    Change::Operators { update: doc! { "$set": fields }, array_filters: Vec::new() }
}

/// One of the two worlds: what its documents are is known of those that the user sees; the others are its own.
struct World {
    store: EmbeddedDocuments,
    namespace: Namespace,
    hidden: Random,
    /// The documents that are there and that the user does not see.
    unseen: Vec<i32>,
}

type Writing<'t> = Box<dyn Transaction + 't>;

impl World {
    async fn update(&self, writing: &mut Writing<'_>, id: i32, change: Change) {
        writing.update(&self.namespace, &doc! { "_id": id }, &change, false).await.unwrap();
    }

    /// Writes of which the user may learn nothing.
    async fn stir(&mut self, seen: &[i32]) {
        for _ in 0..self.hidden.below(4) {
            let mut writing = self.store.begin().await.unwrap();
            match self.hidden.below(5) {
                0 if !seen.is_empty() => {
                    let id = seen[usize::try_from(self.hidden.below(seen.len() as u64)).unwrap()];
                    let fields = doc! { "secret": self.hidden.number(9), "pay.bonus": self.hidden.number(9) };
                    self.update(&mut writing, id, set(fields)).await;
                }
                1 => {
                    let id = 100 + self.hidden.number(1000);
                    let document = doc! { "_id": id, "team": "b", "name": self.hidden.number(6) };
                    if writing.insert(&self.namespace, &document).await.is_ok() {
                        self.unseen.push(id);
                    }
                }
                2 => {
                    if let Some(id) = self.unseen.last().copied() {
                        let change = Change::Replacement(doc! { "team": "c", "n": self.hidden.number(1000) });
                        self.update(&mut writing, id, change).await;
                    }
                }
                3 => {
                    if let Some(id) = self.unseen.pop() {
                        writing.delete(&self.namespace, &Bson::Int32(id)).await.unwrap();
                    }
                }
                _ => {
                    // A transaction of which nothing becomes.
                    let document = Shown { name: 1, grade: 1 }.document(5000, &mut self.hidden);
                    writing.insert(&self.namespace, &document).await.unwrap();
                    writing.abort().await;
                    continue;
                }
            }
            writing.commit().await.unwrap();
        }
    }

    /// A document comes into sight.
    async fn show(&mut self, writing: &mut Writing<'_>, id: i32, shown: Shown) {
        let document = shown.document(id, &mut self.hidden);
        match self.unseen.iter().position(|unseen| *unseen == id) {
            Some(at) => {
                self.unseen.remove(at);
                self.update(writing, id, Change::Replacement(document)).await;
            }
            None => _ = writing.insert(&self.namespace, &document).await.unwrap(),
        }
    }

    /// It goes out of sight: it is deleted, or is no longer for this user.
    async fn hide(&mut self, writing: &mut Writing<'_>, id: i32) {
        if self.hidden.below(2) == 0 {
            writing.delete(&self.namespace, &Bson::Int32(id)).await.unwrap();
        } else {
            let change = set(doc! { "team": "b", "name": self.hidden.number(6) });
            self.update(writing, id, change).await;
            self.unseen.push(id);
        }
    }

    /// What is visible of it changes.
    async fn change(&mut self, writing: &mut Writing<'_>, id: i32, shown: Shown, replaces: bool) {
        let change = if replaces {
            Change::Replacement(shown.document(id, &mut self.hidden))
        } else {
            let mut fields = doc! { "name": shown.name, "pay.grade": shown.grade };
            if self.hidden.below(2) == 0 {
                fields.insert("secret", self.hidden.number(9));
            }
            set(fields)
        };
        self.update(writing, id, change).await;
    }
}

async fn told(world: &World, guard: &Guard, filter: &str) -> Vec<VisibleChange> {
    let query = Query::compile(Some(&json::parse(filter).unwrap()), None, None).unwrap();
    let collection = GuardedCollection::new(&world.store, world.namespace.clone(), guard);
    let beginning = doc! { "number": 0_i64, "time": bson::DateTime::from_millis(0) };
    let mut watched = collection.watch(&world.store, &query, WatchStart::After(beginning), None).await.unwrap();
    let scope = WatchScope::Collection(world.namespace.clone());
    let last = position(&world.store, &scope).await;
    let mut told = Vec::new();
    while watched.position().as_ref() != Some(&last) {
        match watched.next().await.unwrap() {
            WatchEvent::Change(event) => {
                assert_eq!(event.time.increment, 1);
                told.push(event.change);
            }
            WatchEvent::Nothing => {}
            WatchEvent::Ended => panic!("the stream ended"),
        }
    }
    told
}

#[tokio::test]
async fn no_stream_distinguishes_two_worlds() {
    let namespace = Namespace::parse("test.worlds").unwrap();
    let mut count = 0;
    for seed in 0..6 {
        let world = |number: u64| World {
            store: EmbeddedDocuments::in_memory().unwrap(),
            namespace: namespace.clone(),
            hidden: Random(seed * 2 + number + 1000),
            unseen: Vec::new(),
        };
        let (mut worlds, mut open) = ([world(0), world(1)], Random(seed));
        let mut seen: Vec<i32> = Vec::new();
        for _ in 0..60 {
            let writes = 1 + open.below(3);
            let mut plan = Vec::new();
            for _ in 0..writes {
                let (kind, id, shown, replaces) =
                    (open.below(4), open.number(8), Shown::any(&mut open), open.below(2) == 0);
                let is_seen = seen.contains(&id);
                match (kind, is_seen) {
                    (_, false) => seen.push(id),
                    (0, true) => seen.retain(|one| *one != id),
                    _ => {}
                }
                plan.push((kind == 0, is_seen, id, shown, replaces));
            }
            for world in &mut worlds {
                let store = world.store.clone();
                let mut writing: Writing<'_> = store.begin().await.unwrap();
                for &(hides, is_seen, id, shown, replaces) in &plan {
                    match (is_seen, hides) {
                        (false, _) => world.show(&mut writing, id, shown).await,
                        (true, true) => world.hide(&mut writing, id).await,
                        (true, false) => world.change(&mut writing, id, shown, replaces).await,
                    }
                }
                writing.commit().await.unwrap();
                world.stir(&seen).await;
            }
        }
        for rules in POLICIES {
            let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
            let guard = Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")));
            for filter in FILTERS {
                let [one, other] = [told(&worlds[0], &guard, filter).await, told(&worlds[1], &guard, filter).await];
                assert_eq!(one, other, "seed {seed}, {filter}");
                assert!(!format!("{one:?}").contains("secret") && !format!("{one:?}").contains("bonus"));
                count += one.len();
            }
        }
    }
    println!("{count} changes are told");
    assert!(count > 3000, "only {count} changes were told");
}

#[tokio::test]
async fn visible_changes_are_delivered() {
    // The law above holds of streams that tell nothing, too.
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), Namespace::parse("test.worlds").unwrap());
    let world = World { store, namespace, hidden: Random(1), unseen: Vec::new() };
    let mut writing = world.store.begin().await.unwrap();
    let document = Shown { name: 4, grade: 2 }.document(1, &mut Random(3));
    writing.insert(&world.namespace, &document).await.unwrap();
    world.update(&mut writing, 1, set(doc! { "pay.grade": 3, "pay.bonus": 10 })).await;
    writing.commit().await.unwrap();
    let rules = policy::compile(&json::parse(POLICIES[0]).unwrap()).unwrap();
    let guard = Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(User::new("u1")));
    let raw = |grade: i32| RawDocumentBuf::try_from(&doc! { "_id": 1, "name": 4, "pay": { "grade": grade } }).unwrap();
    let told = told(&world, &guard, "{}").await;
    assert_eq!(told[0], VisibleChange::Inserted(raw(2)));
    let VisibleChange::Updated { document, description } = &told[1] else { panic!("{told:?}") };
    assert_eq!((document, &description.updated), (&raw(3), &doc! { "pay.grade": 3 }));
    assert_eq!(told.len(), 2);
}
