//! What a guarded collection answers, held to the server itself: to its answers about a collection that holds nothing but what the
//! user may read.

use std::env;
use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::Database;
use portcullis::Context;
use portcullis::guarded::{FindRequest, GuardedError, LimitExceeded, Limits, Pipeline};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::Namespace;
use portcullis::value::{ValueRef, sort_order};
use portcullis::{Guard, GuardedCollection, User, testfile};
use portcullis_store::mongodb::MongoDocuments;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

use crate::attacks::{document, guard, node};
use portcullis_testkit::mongodb::World;
use portcullis_testkit::naive;

/// How many random files the law goes through.
const FILES: u32 = 120;

/// The number of files, and which of all random ones: `PORTCULLIS_READ_LAW=1000:7` goes through a thousand others.
fn longer() -> Option<(u32, u8)> {
    let wish = env::var("PORTCULLIS_READ_LAW").ok()?;
    let (files, seed) = wish.split_once(':').unwrap_or((&wish, "23"));
    Some((files.parse().expect("a number of files"), seed.parse().expect("a seed below 256")))
}

/// How much longer than others the tests may take that go through more files than usual.
pub(crate) fn extra_time() -> Duration {
    longer().map_or(Duration::ZERO, |(files, _)| Duration::from_secs(1) * files)
}

/// How many queries each user of a file sends.
const QUERIES: usize = 3;

const PATHS: [&str; 16] = [
    "a",
    "b",
    "c",
    "tags",
    "owner",
    "team",
    "team.a",
    "team.b",
    "a.b",
    "a.a",
    "a.0",
    "tags.0",
    "team.0.a",
    "team.tags",
    "a.b.c",
    "team.0",
];

/// Random numbers for queries, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn path(&mut self) -> &'static str {
        if self.below(2) == 0 { PATHS[self.below(6)] } else { self.pick(&PATHS) }
    }

    fn filter(&mut self, values: &[Json], depth: usize) -> Json {
        let mut filter = json!({});
        for _ in 0..self.pick(&[0, 1, 1, 1, 2]).max(usize::from(depth < 2)) {
            if depth > 0 && self.below(3) == 0 {
                let logic = self.pick(&["$and", "$or", "$nor"]);
                filter[logic] = (0..=self.below(2)).map(|_| self.filter(values, depth - 1)).collect();
            } else {
                filter[self.path()] = self.condition(values);
            }
        }
        filter
    }

    fn condition(&mut self, values: &[Json]) -> Json {
        let value = self.pick(values);
        match self.below(12) {
            0..3 => value,
            3 => json!({"$ne": value}),
            4 => json!({"$exists": self.below(2) == 0}),
            5 => json!({"$in": [value, self.pick(values)]}),
            6 => json!({"$nin": [value]}),
            7 => json!({"$type": self.pick(&["string", "number", "array", "object", "null"])}),
            8 => json!({"$size": self.below(3)}),
            9 => json!({"$elemMatch": {self.pick(&["a", "b"]): {"$exists": true}}}),
            10 => json!({"$not": {"$gte": 1}}),
            _ => json!({(self.pick(&["$gt", "$gte", "$lt", "$lte"])): self.pick(&[json!(1), json!("a"), json!(0)])}),
        }
    }
}

/// All values in some documents that may stand in a client's filter.
fn values(documents: &[Json]) -> Vec<Json> {
    fn add(value: &Json, to: &mut Vec<Json>) {
        if !value.to_string().contains("$regularExpression") && !value.to_string().contains("$undefined") {
            to.push(value.clone());
        }
        match value {
            Json::Array(elements) => elements.iter().for_each(|element| add(element, to)),
            Json::Object(fields) if !fields.keys().any(|key| key.starts_with('$')) => {
                fields.values().for_each(|value| add(value, to));
            }
            _ => {}
        }
    }
    let mut values = vec![json!(1), json!("a")];
    documents
        .iter()
        .flat_map(|document| document.as_object().unwrap().values())
        .for_each(|value| add(value, &mut values));
    values
}

/// The documents without what stands for a hidden `_id`, in an order of their own.
fn listed(documents: impl IntoIterator<Item = Document>) -> Vec<String> {
    let mut listed: Vec<String> = documents.into_iter().map(|one| format!("{:?}", without_stand_in(one))).collect();
    listed.sort();
    listed
}

fn without_stand_in(mut document: Document) -> Document {
    if matches!(document.get("_id"), Some(Bson::String(text)) if text.starts_with("hidden-")) {
        document.remove("_id");
    }
    document
}

fn decoded(documents: &[RawDocumentBuf]) -> Vec<Document> {
    documents.iter().map(|one| Document::try_from(one).unwrap()).collect()
}

/// What the server makes of given documents.
async fn made(
    database: &Database,
    documents: &[Document],
    stages: &[Document],
) -> Result<Vec<Document>, mongodb::error::Error> {
    let mut pipeline = vec![doc! { "$documents": { "$literal": documents.to_vec() } }];
    pipeline.extend_from_slice(stages);
    let mut cursor = database.aggregate(pipeline).await?;
    let mut all = Vec::new();
    while cursor.advance().await? {
        all.push(Document::try_from(cursor.current()).unwrap());
    }
    Ok(all)
}

/// Whether the server finds documents in the order that was asked for.
async fn is_sorted(database: &Database, documents: &[Document], sort: &Document) -> bool {
    let numbered: Vec<Document> =
        documents.iter().enumerate().map(|(n, d)| doc! { "n": i64::try_from(n).unwrap(), "d": d.clone() }).collect();
    if numbered.is_empty() {
        return true;
    }
    let mut keys: Document = sort.iter().map(|(path, way)| (format!("d.{path}"), way.clone())).collect();
    keys.insert("n", 1);
    match made(database, &numbered, &[doc! { "$sort": keys }]).await {
        Ok(sorted) => {
            sorted == numbered || {
                // NaN is unlike itself.
                format!("{sorted:?}") == format!("{numbered:?}")
            }
        }
        Err(error) => panic!("{error}"),
    }
}

fn holds_undefined(documents: &[Document]) -> bool {
    format!("{documents:?}").contains("Undefined")
}

#[derive(Default)]
struct Counts {
    queries: usize,
    found: usize,
    pipelines: usize,
    made: usize,
    failed: usize,
}

/// One user's view of a collection, and the same view as a collection.
struct View<'v> {
    database: &'v Database,
    collection: GuardedCollection<'v>,
    seen: mongodb::Collection<Document>,
    redacted: Vec<Document>,
}

impl View<'_> {
    async fn compare(&self, filter: &Json, dice: &mut Dice, counts: &mut Counts, told: &str) {
        let sort: Document = (0..dice.below(3))
            .map(|_| (dice.path().to_owned(), if dice.below(2) == 0 { 1 } else { -1 }.into()))
            .collect();
        // Over two arrays, or a field and a part of it, the server has no order.
        let has_order = parents_and_children(&sort).is_none()
            && made(self.database, &self.redacted, &[doc! { "$sort": sort.clone() }]).await.is_ok();
        let sort = if has_order { sort } else { Document::new() };
        let (skip, limit) = (dice.below(3), dice.below(4));
        let projection = match dice.below(4) {
            0 => json!({(dice.path()): 1}),
            1 => json!({(dice.path()): 0}),
            _ => json!({}),
        };
        let order: serde_json::Map<String, Json> =
            sort.iter().map(|(path, way)| (path.clone(), json!(way.as_i32().unwrap()))).collect();
        let told = format!(
            "{told}\nfilter {filter}\nprojection {projection}\nsort {order:?} skip {skip} limit {limit}\nredacted {:?}",
            self.redacted
        );
        counts.queries += 1;

        // All that a filter finds, and how many.
        let all = json!({"filter": filter, "sort": order});
        let request = FindRequest::parse(&node(&all)).unwrap();
        let found = decoded(&self.collection.find(&request).await.unwrap().all().await.unwrap());
        let expected: Vec<Document> = self.witness(self.seen.find(document(filter))).await;
        counts.found += expected.len();
        assert_eq!(listed(found.clone()), listed(expected.clone()), "{told}");
        assert!(sort.is_empty() || is_sorted(self.database, &found, &sort).await, "order of {found:?}\n{told}");
        assert_eq!(self.collection.count(&request).await.unwrap(), u64::try_from(expected.len()).unwrap(), "{told}");

        // A part of it.
        let part = json!({"filter": filter, "sort": order, "skip": skip, "limit": limit, "projection": projection});
        let request = FindRequest::parse(&node(&part)).unwrap();
        let part = decoded(&self.collection.find(&request).await.unwrap().all().await.unwrap());
        let left = expected.len().saturating_sub(skip);
        let left = if limit == 0 { left } else { left.min(limit) };
        assert_eq!(part.len(), left, "{told}");
        assert_eq!(self.collection.count(&request).await.unwrap(), u64::try_from(left).unwrap(), "{told}");
        let projected = self.witness(self.seen.find(document(filter)).projection(document(&projection))).await;
        let projected = listed(projected);
        assert!(listed(part.clone()).iter().all(|one| projected.contains(one)), "{part:?}\nof {projected:?}\n{told}");
        // Of those that are alike to an order any may come first.
        if projection == json!({}) && limit > 0 && !sort.is_empty() {
            for (one, other) in part.into_iter().zip(found.into_iter().skip(skip)) {
                let both = [one.clone(), other.clone()];
                assert!(is_sorted(self.database, &both, &sort).await, "{one:?} in place of {other:?}\n{told}");
                assert!(is_sorted(self.database, &[other, one], &sort).await, "{both:?}\n{told}");
            }
        }

        // The values of a field.
        let path = dice.path();
        let request = FindRequest::parse(&node(&json!({"filter": filter}))).unwrap();
        let distinct = self.collection.distinct(path, &request).await.unwrap();
        let mut expected = self.seen.distinct(path, document(filter)).await.unwrap();
        expected.sort_by(|a, b| sort_order(Some(a.into()), Some(b.into())).unwrap());
        let same = |a: &Bson, b: &Bson| sort_order(Some(ValueRef::from(a)), Some(ValueRef::from(b))).unwrap().is_eq();
        let are_same = distinct.len() == expected.len() && distinct.iter().zip(&expected).all(|(a, b)| same(a, b));
        assert!(are_same, "distinct {path}: {distinct:?}\nnot {expected:?}\n{told}");

        self.compare_pipelines(filter, dice, counts, &told).await;
    }

    async fn compare_pipelines(&self, filter: &Json, dice: &mut Dice, counts: &mut Counts, told: &str) {
        let path = format!("${}", dice.path());
        let pipelines = [
            json!([{"$match": filter}, {"$project": {"x": path}}]),
            json!([{"$set": {"x": path}}, {"$match": {"x": {"$exists": true}}}]),
            json!([{"$group": {"_id": path, "n": {"$sum": 1}}}, {"$project": {"_id": 0}}]),
            json!([{"$replaceWith": {"all": {"$objectToArray": "$$ROOT"}}}, {"$unwind": "$all"}]),
            json!([{"$match": {"$expr": {"$gt": [{"$bsonSize": "$$ROOT"}, 40]}}}, {"$unset": "a"}]),
            json!([{"$unwind": {"path": path, "preserveNullAndEmptyArrays": true}}, {"$match": filter}]),
        ];
        let pipeline = dice.pick(&pipelines);
        counts.pipelines += 1;
        let stages: Vec<Document> = pipeline.as_array().unwrap().iter().map(document).collect();
        let expected = match self.redacted.as_slice() {
            [] => Vec::new(),
            redacted => made(self.database, redacted, &stages).await.unwrap(),
        };
        counts.made += expected.len();
        let found = self.collection.aggregate(&Pipeline::parse(&node(&pipeline)).unwrap()).await.unwrap();
        let found = decoded(&found.all().await.unwrap());
        assert_eq!(listed(found), listed(expected), "{pipeline}\n{told}");
    }

    async fn witness(&self, find: mongodb::action::Find<'_, Document>) -> Vec<Document> {
        let mut cursor = find.await.unwrap();
        let mut all = Vec::new();
        while cursor.advance().await.unwrap() {
            all.push(without_stand_in(Document::try_from(cursor.current()).unwrap()));
        }
        all
    }
}

/// Two paths of which one leads through the other.
fn parents_and_children(sort: &Document) -> Option<(&String, &String)> {
    sort.keys().find_map(|a| sort.keys().find(|b| b.starts_with(&format!("{a}."))).map(|b| (a, b)))
}

pub(crate) async fn queries_see_documents_as_the_user_may_read_them(world: World) {
    let (files, seed) = longer().unwrap_or((FILES, 23));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = naive::generate::file();
    let store = MongoDocuments::new(&world.client);
    let mut dice = Dice(seed.into());
    let mut counts = Counts::default();
    for _ in 0..files {
        let file = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(rules) = policy::compile(&node(&file["rules"])) else { continue };
        let cases = file["cases"].as_array().unwrap().iter();
        let mut stored: Vec<Json> = cases
            .filter_map(|case| ["read", "search", "insert", "delete"].iter().find_map(|key| case.get(key)))
            .cloned()
            .collect();
        for (number, document) in stored.iter_mut().enumerate() {
            document["_id"] = json!(number);
        }
        if stored.is_empty() {
            continue;
        }
        let values = values(&stored);
        let documents: Vec<Document> = stored.iter().map(document).collect();
        let collection = world.database.collection::<Document>("stored");
        collection.delete_many(doc! {}).await.unwrap();
        collection.insert_many(&documents).await.unwrap();
        for user in file["users"].as_object().unwrap().values() {
            let mut context = Context::new().with_user(portcullis::testfile::user(document(user)).unwrap());
            if let Some(values) = file.get("values") {
                context = context.with_values(document(values));
            }
            context = context.with_functions(testfile::functions(&node(&file["functions"])).unwrap());
            let guard = Guard::new(RulesFile::effective(Some(&rules), None), context);
            let everything = portcullis::access::Query::compile(None, None, None).unwrap();
            // Where the rules need what is not supplied, every query fails.
            let Ok(redacted) = guard.find(&everything, documents.iter().map(Into::into)) else {
                counts.failed += 1;
                continue;
            };
            let seen = world.database.collection::<Document>("seen");
            let stand_ins = redacted.iter().enumerate().map(|(number, document)| {
                let mut document = document.clone();
                document.entry("_id".to_owned()).or_insert_with(|| format!("hidden-{number}").into());
                document
            });
            let stand_ins: Vec<Document> = stand_ins.collect();
            // The server slows down with many collections.
            seen.delete_many(doc! {}).await.unwrap();
            if !stand_ins.is_empty() {
                seen.insert_many(&stand_ins).await.unwrap();
            }
            let namespace = Namespace::parse(&format!("{}.stored", world.database.name())).unwrap();
            let collection = GuardedCollection::new(&store, namespace, &guard);
            let view = View { database: &world.database, collection, seen, redacted };
            for _ in 0..QUERIES {
                let filter = dice.filter(&values, 2);
                // To this server undefined equals null, to the rules it does not.
                if holds_undefined(&view.redacted) && filter.to_string().contains("null") {
                    continue;
                }
                let told = format!("{:?}\nuser {user}\nrules {}\nstored {documents:?}", guard.plan(), file["rules"]);
                view.compare(&filter, &mut dice, &mut counts, &told).await;
            }
        }
    }
    println!(
        "{} queries found {} documents, {} pipelines made {}; {} users skipped whose rules fail",
        counts.queries, counts.found, counts.pipelines, counts.made, counts.failed
    );
    assert!(counts.found > counts.queries / 2 && counts.made > counts.pipelines / 2);
}

pub(crate) async fn requests_beyond_their_limits_are_refused(world: World) {
    let store = MongoDocuments::new(&world.client);
    let collection = world.database.collection::<Document>("many");
    collection
        .insert_many((0..300).map(|n| doc! { "_id": n, "team": "a", "n": n, "text": "x".repeat(1000) }))
        .await
        .unwrap();
    let namespace = Namespace::parse(&format!("{}.many", world.database.name())).unwrap();
    let rules = json!({"roles": [{"name": "r", "apply_when": {}, "fields": {"n": {"read": {"n": {"$lt": 10}}}}, "additional_fields": {"read": true}}]});
    let guard = guard(&rules, Context::new().with_user(User::new("u1")));
    let limits = Limits {
        checked_documents: 200,
        held_documents: 100,
        held_bytes: 1 << 20,
        sent_bytes: 1 << 17,
        ..Limits::default()
    };
    let guarded = GuardedCollection::new(&store, namespace, &guard).with_limits(limits);
    let request = |json: Json| FindRequest::parse(&node(&json)).unwrap();
    // What streams has no limit.
    assert_eq!(guarded.find(&request(json!({}))).await.unwrap().all().await.unwrap().len(), 300);
    assert_eq!(guarded.count(&request(json!({}))).await.unwrap(), 300);
    let checked = guarded.count(&request(json!({"filter": {"n": 5}}))).await;
    assert!(matches!(checked, Err(GuardedError::LimitExceeded(LimitExceeded::Checked(200)))), "{checked:?}");
    assert_eq!(guarded.count(&request(json!({"filter": {"n": 5, "_id": {"$lt": 150}}}))).await.unwrap(), 1);
    let Err(error) = guarded.find(&request(json!({"sort": {"n": 1}}))).await else { panic!() };
    assert!(error.to_string().starts_with("more than 100 documents"), "{error}");
    let narrow = request(json!({"filter": {"_id": {"$lt": 50}}, "sort": {"n": -1}, "limit": 2}));
    let ids: Vec<i32> = guarded
        .find(&narrow)
        .await
        .unwrap()
        .all()
        .await
        .unwrap()
        .iter()
        .map(|one| one.get_i32("_id").unwrap())
        .collect();
    assert_eq!(ids, [9, 8]);
    let pipeline = |json: Json| Pipeline::parse(&node(&json)).unwrap();
    let Err(error) = guarded.aggregate(&pipeline(json!([{"$count": "n"}]))).await else { panic!() };
    assert!(matches!(error, GuardedError::LimitExceeded(LimitExceeded::Sent(131_072))), "{error}");
    let few = pipeline(json!([{"$match": {"_id": {"$lt": 50}}}, {"$match": {"n": {"$gte": 0}}}, {"$count": "n"}]));
    let counted = guarded.aggregate(&few).await.unwrap().all().await.unwrap();
    assert_eq!(counted[0].get_i32("n").unwrap(), 10);
}

pub(crate) async fn a_closed_collection_reveals_only_that_it_is_closed(world: World) {
    let store = MongoDocuments::new(&world.client);
    let request = FindRequest::parse(&node(&json!({}))).unwrap();
    let of = |name: &str| Namespace::parse(name).unwrap();
    let nobody = Guard::without_rules("shop.things", Context::new());
    let collection = GuardedCollection::new(&store, of("shop.things"), &nobody);
    let Err(error) = collection.find(&request).await else { panic!() };
    assert_eq!(error.to_string(), "no rule exists for namespace 'shop.things'");
    let broken = Guard::closed(Context::new());
    let collection = GuardedCollection::new(&store, of("shop.things"), &broken);
    assert!(matches!(collection.count(&request).await, Err(GuardedError::RulesInvalid)));
    let all = guard(&json!({"roles": [{"name": "r", "apply_when": {}, "read": true}]}), Context::new());
    for internal in ["admin.things", "local.oplog.rs", "config.shards", "shop.system.views"] {
        let collection = GuardedCollection::new(&store, of(internal), &all);
        assert!(matches!(collection.distinct("a", &request).await, Err(GuardedError::Internal)), "{internal}");
    }
    let fails =
        json!({"roles": [{"name": "r", "apply_when": {"%%true": {"%function": {"name": "gone"}}}, "read": true}]});
    let fails = guard(&fails, Context::new());
    world.database.collection::<Document>("things").insert_one(doc! { "a": 1 }).await.unwrap();
    let namespace = of(&format!("{}.things", world.database.name()));
    let collection = GuardedCollection::new(&store, namespace, &fails);
    assert!(collection.find(&request).await.unwrap().all().await.unwrap().is_empty());
    let unreadable = fails.take_unreadable().unwrap();
    assert_eq!(unreadable.documents, 1);
    assert!(unreadable.errors[0].to_string().contains("gone"));
}

pub(crate) async fn exact_queries_are_executed_by_the_server(world: World) {
    let (client, sent) = world.listening("").await;
    let store = MongoDocuments::new(&client);
    let namespace = Namespace::parse(&format!("{}.things", world.database.name())).unwrap();
    let rules = json!({"roles": [{"name": "r", "apply_when": {"owner": "%%user.id"}, "fields": {"owner": {"read": true}, "n": {"read": true}}}]});
    let guard = guard(&rules, Context::new().with_user(User::new("u1")));
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let request = json!({"filter": {"n": {"$gt": 1}}, "sort": {"n": -1}, "skip": 1, "limit": 2});
    let request = FindRequest::parse(&node(&request)).unwrap();
    collection.find(&request).await.unwrap();
    collection.count(&request).await.unwrap();
    let pipeline = json!([{"$match": {"n": 1, "owner": {"$regex": "^u"}}}, {"$group": {"_id": "$n"}}]);
    collection.aggregate(&Pipeline::parse(&node(&pipeline)).unwrap()).await.unwrap();
    let commands: Vec<Document> = sent.take().into_iter().map(|event| event.command).collect();
    let command = |name: &str| commands.iter().filter(|command| command.contains_key(name)).collect::<Vec<_>>();
    let find = command("find")[0];
    assert!(find.get_document("filter").unwrap().to_string().contains(r#""n": { "$gt": 1 }"#), "{find}");
    assert_eq!(find.get_document("sort").unwrap(), &doc! { "n": -1, "_id": 1 });
    assert_eq!((find.get_i64("skip").ok(), find.get_i64("limit").ok()), (Some(1), Some(2)), "{find}");
    let stages = command("aggregate")[1].get_array("pipeline").unwrap();
    let names: Vec<&str> =
        stages.iter().map(|stage| stage.as_document().unwrap().keys().next().unwrap().as_str()).collect();
    assert_eq!(names, ["$match", "$sort", "$limit", "$project", "$replaceWith", "$match", "$group"]);
}

/// Orders by one field and by two.
fn orders() -> Vec<Json> {
    let mut orders = Vec::new();
    let paths = ["a", "a.b", "a.c", "a.0", "a.0.b", "a.1", "a.0.0"];
    for way in [1, -1] {
        for path in paths {
            orders.push(json!({path: way, "_id": 1}));
            let others = paths.iter().filter(|other| **other != path);
            orders.extend(others.map(|other| json!({path: 1, *other: way, "_id": 1})));
        }
    }
    orders
}

pub(crate) async fn documents_sorted_in_memory_have_the_order_of_the_server(world: World) {
    let system = User::system();
    let guard = Guard::new(None::<policy::Policy>, Context::new().with_user(system));
    let values = [
        json!(5),
        json!([]),
        json!([[]]),
        json!([[1, 9]]),
        json!([[0, 1]]),
        json!([2]),
        json!({"$oid": "64b7f0c2a1d3e4f5a6b7c8d9"}),
        json!([{"$oid": "64b7f0c2a1d3e4f5a6b7c8d9"}, null]),
        json!([{"b": 2}]),
        json!([{"b": []}]),
        json!([{"b": [[]]}]),
        json!([[{"b": 1}]]),
        json!([{"b": -1}, 3]),
        json!([{"b": 1, "c": 9}, {"b": 2, "c": 1}]),
        json!([{"b": 2, "c": 5}, {"c": 0}]),
        json!({"b": 1, "c": [4, 2]}),
        json!({"b": [3, -3]}),
        json!(null),
    ];
    let documents = values.iter().enumerate().map(|(number, value)| document(&json!({"_id": number, "a": value})));
    let documents: Vec<Document> = documents.chain([doc! { "_id": 99 }]).collect();
    let sorted = async |sort: &Json, documents: &[Document]| {
        let query = portcullis::access::Query::compile(None, None, Some(&node(sort))).unwrap();
        let here = guard.find(&query, documents.iter().map(Into::into));
        let there = made(&world.database, documents, &[doc! { "$sort": document(sort) }]).await;
        (here, there)
    };
    for sort in orders() {
        let (here, there) = sorted(&sort, &documents).await;
        assert_eq!(here.unwrap(), there.unwrap(), "{sort}");
    }
    let parallel = doc! { "_id": 100, "a": { "b": [1, 2], "c": [3] } };
    let (here, there) = sorted(&json!({"a.b": 1, "a.c": 1}), &[&documents[..], &[parallel]].concat()).await;
    assert!(there.is_err());
    assert_eq!(here.unwrap_err().to_string(), "cannot sort with keys that are parallel arrays");
}
