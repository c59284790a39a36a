//! The law of two worlds where rules fail on documents: these are as those that may not be read.

use std::sync::Arc;

use bson::{Bson, Document, RawDocumentBuf, bson, doc};
use expect_test::expect;
use portcullis::access::Query;
use portcullis::eval::{Closures, Context};
use portcullis::guarded::{FindRequest, Pipeline, WatchEvent, parse_writes};
use portcullis::json::{self, Node};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{DocumentStore, Namespace, WatchScope, WatchStart};
use portcullis::{Guard, GuardedCollection, User};
use portcullis_store::EmbeddedDocuments;

use crate::changes::position;

/// What fails on the documents of team `x`, or is not there, or asks what it is not told.
const POLICIES: [&str; 7] = [
    r#"{"roles": [{"name": "r", "apply_when": {"%%true": {"%function": {"name": "mine", "arguments": ["%%root.team"]}}}, "read": true, "write": true}]}"#,
    r#"{"roles": [{"name": "r", "apply_when": {}, "document_filters": {"read": {"%%true": {"%function": {"name": "mine", "arguments": ["%%root.team"]}}}, "write": false}, "read": true, "write": true}]}"#,
    r#"{"roles": [{"name": "r", "apply_when": {}, "read": {"%%true": {"%function": {"name": "mine", "arguments": ["%%root.team"]}}}, "write": {"team": "a"}}]}"#,
    r#"{"filters": [{"name": "f", "apply_when": {}, "query": {"%or": [{"team": "a"}, {"%%true": {"%function": {"name": "gone"}}}]}}], "roles": [{"name": "r", "apply_when": {}, "read": true, "write": true}]}"#,
    r#"{"roles": [{"name": "x", "apply_when": {"team": "x", "%%true": {"%function": {"name": "gone", "arguments": ["%%root.team"]}}}, "read": true}, {"name": "r", "apply_when": {"team": "a"}, "read": true, "write": true}]}"#,
    r#"{"roles": [{"name": "r", "apply_when": {"team": {"$in": ["a", "x"]}}, "fields": {"_id": {"read": {"%%true": {"%function": {"name": "mine", "arguments": ["%%root.team"]}}}}, "team": {"read": true, "write": true}, "secret": {"read": true, "write": true}, "n": {"read": true, "write": true}}}]}"#,
    r#"{"roles": [{"name": "r", "apply_when": {"%or": [{"%%true": {"%function": {"name": "mine", "arguments": ["%%root.team"]}}}, {"%%root.team": "a"}]}, "read": true, "write": true}]}"#,
];

const FILTERS: [&str; 7] = [
    "{}",
    r#"{"secret": 42}"#,
    r#"{"secret": {"$gt": 40}}"#,
    r#"{"secret": {"$regex": "^4"}}"#,
    r#"{"$expr": {"$gt": ["$secret", 40]}}"#,
    r#"{"team": "x"}"#,
    r#"{"_id": 13}"#,
];

fn guard(rules: &str) -> Guard {
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    let functions = Closures::new().with("mine", |arguments| match arguments {
        [Bson::String(team)] if team == "x" => Err("it fails".to_owned()),
        [team] => Ok((*team == Bson::from("a")).into()),
        _ => Err("it takes one argument".to_owned()),
    });
    let context = Context::new().with_user(User::new("u1")).with_functions(Arc::new(functions));
    Guard::new(RulesFile::effective(Some(&rules), None), context)
}

fn node(text: &str) -> Node {
    json::parse(text).unwrap()
}

async fn world(hidden: &[Document], namespace: &Namespace) -> EmbeddedDocuments {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let mut writing = store.begin().await.unwrap();
    let visible = (1..4).map(|n: i32| doc! { "_id": n, "team": "a", "secret": n, "n": 0 });
    for document in visible.chain(hidden.iter().cloned()) {
        writing.insert(namespace, &document).await.unwrap();
    }
    writing.commit().await.unwrap();
    store
}

fn told<T: std::fmt::Debug, E: ToString>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
}

async fn asked(store: &EmbeddedDocuments, namespace: &Namespace, rules: &str) -> Vec<String> {
    let guard = guard(rules);
    let collection = GuardedCollection::new(store, namespace.clone(), &guard);
    let mut answers = Vec::new();
    for filter in FILTERS {
        for rest in ["", r#", "sort": {"secret": -1}"#, r#", "limit": 1, "skip": 1, "sort": {"_id": 1}"#] {
            let request = FindRequest::parse(&node(&format!(r#"{{"filter": {filter}{rest}}}"#))).unwrap();
            let found = match collection.find(&request).await {
                Ok(found) => found.all().await,
                Err(error) => Err(error),
            };
            answers.push(told(found));
            answers.push(told(collection.count(&request).await));
            answers.push(told(collection.distinct("secret", &request).await));
        }
        let pipeline = format!(r#"[{{"$match": {filter}}}, {{"$group": {{"_id": null, "n": {{"$sum": 1}}}}}}]"#);
        let grouped = match collection.aggregate(&Pipeline::parse(&node(&pipeline)).unwrap()).await {
            Ok(found) => found.all().await,
            Err(error) => Err(error),
        };
        answers.push(told(grouped));
        for write in [
            format!(r#"{{"updateOne": {{"filter": {filter}, "update": {{"$inc": {{"n": 1}}}}}}}}"#),
            format!(r#"{{"updateMany": {{"filter": {filter}, "update": {{"$inc": {{"n": 1}}}}}}}}"#),
            format!(r#"{{"findOneAndUpdate": {{"filter": {filter}, "update": {{"$inc": {{"n": 1}}}}}}}}"#),
            format!(r#"{{"replaceOne": {{"filter": {filter}, "replacement": {{"team": "x"}}}}}}"#),
        ] {
            // Replacements would move the visible documents out of sight.
            if filter == "{}" && write.contains("replaceOne") {
                continue;
            }
            answers.push(told(collection.write(&parse_writes(&node(&write)).unwrap()).await));
        }
    }
    let delete = r#"{"deleteMany": {"filter": {"secret": {"$gt": 40}}}}"#;
    answers.push(told(collection.write(&parse_writes(&node(delete)).unwrap()).await));
    answers.push(told(streamed(store, &collection).await));
    answers
}

/// All changes of the collection from its beginning.
async fn streamed(store: &EmbeddedDocuments, collection: &GuardedCollection<'_>) -> Result<Vec<String>, String> {
    let query = Query::compile(None, None, None).unwrap();
    let beginning = WatchStart::After(doc! { "number": 0_i64, "time": bson::DateTime::from_millis(0) });
    let mut watched = collection.watch(store, &query, beginning, None).await.map_err(|error| error.to_string())?;
    let last = position(store, &WatchScope::Collection(Namespace::parse("test.failing").unwrap())).await;
    let mut told = Vec::new();
    while watched.position().as_ref() != Some(&last) {
        match watched.next().await.map_err(|error| error.to_string())? {
            WatchEvent::Change(event) => told.push(format!("{:?}", event.change)),
            WatchEvent::Nothing => {}
            WatchEvent::Ended => panic!("the stream ended"),
        }
    }
    Ok(told)
}

#[tokio::test]
async fn values_on_which_a_rule_fails_are_not_revealed() {
    let namespace = Namespace::parse("test.failing").unwrap();
    let hidden = [
        doc! { "_id": 0, "team": "x", "secret": 42, "n": 0 },
        doc! { "_id": 2.5, "team": "x", "secret": "4", "n": 0 },
        doc! { "_id": 13, "team": "x", "secret": 2, "n": 0 },
    ];
    for rules in POLICIES {
        let (without, with) = (world(&[], &namespace).await, world(&hidden, &namespace).await);
        let (one, other) = (asked(&without, &namespace, rules).await, asked(&with, &namespace, rules).await);
        assert_eq!(one, other, "{rules}");
        assert!(one[0].matches("Document").count() >= 3, "{rules}: {}", one[0]);
        assert!(one.iter().all(|answer| !answer.contains("failed")), "{rules}: {one:?}");
        let mut reading = with.begin().await.unwrap();
        let stored =
            reading.find(&namespace, &portcullis::store::documents::Find::by(doc! { "team": "x" })).await.unwrap();
        reading.abort().await;
        let stored: Vec<Bson> =
            stored.iter().map(|raw: &RawDocumentBuf| Bson::from(Document::try_from(raw).unwrap())).collect();
        assert_eq!(bson!(stored), bson!(hidden.to_vec()), "{rules}");
    }
}

#[tokio::test]
async fn failures_that_depend_only_on_the_user_are_reported() {
    let namespace = Namespace::parse("test.failing").unwrap();
    let store = world(&[doc! { "_id": 0, "team": "x" }], &namespace).await;
    let guard = guard(POLICIES[0]);
    let collection = GuardedCollection::new(&store, namespace, &guard);
    let all = FindRequest::parse(&node("{}")).unwrap();
    assert_eq!(collection.find(&all).await.unwrap().all().await.unwrap().len(), 3);
    let unreadable = guard.take_unreadable().unwrap();
    assert_eq!(unreadable.documents, 1);
    expect!["function 'mine' failed: it fails"].assert_eq(&unreadable.errors[0].to_string());
    assert_eq!(guard.take_unreadable(), None);
}
