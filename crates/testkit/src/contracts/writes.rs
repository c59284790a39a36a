//! Writes through a guard, on any store. The cases are in `fixtures/guarded` and `fixtures/attacks`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::eval::Closures;
use portcullis::guarded::{FindRequest, GuardedError, Limits, Written, parse_writes};
use portcullis::json::{self, Node};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::{Find, Namespace};
use portcullis::{Guard, GuardedCollection};
use serde_json::Value as Json;

use super::documents::{Given, insert};
use super::tricks::{FILES, Tried, filled, try_file};

super::laws! { Given:
    a_write_has_its_whole_effect_or_none
    no_write_reveals_unreadable_data
    too_many_documents_are_not_written
    hidden_documents_do_not_count_towards_limits
    thousands_of_documents_are_written_by_one_request
}

pub fn node(json: &Json) -> Node {
    json::parse(&json.to_string()).unwrap()
}

pub fn document(json: &Json) -> Document {
    json::to_document(&node(json)).unwrap()
}

pub fn documents(json: &Json) -> Vec<Document> {
    json.as_array().unwrap().iter().map(document).collect()
}

pub fn guard(rules: &Json, user: &Json) -> Guard {
    let rules = policy::compile(&node(rules)).unwrap();
    let user = portcullis::testfile::user(document(user)).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(user))
}

/// The namespace for a case, so that each case has its own collection.
pub fn namespace(of: &Namespace, name: &str) -> Namespace {
    Namespace::parse(&format!("{}.{name}", of.database())).unwrap()
}

async fn stored(given: &Given, namespace: &Namespace) -> Vec<Document> {
    let mut transaction = given.0.begin().await.unwrap();
    let find = Find { sort: doc! { "_id": 1 }, ..Find::default() };
    let found = transaction.find(namespace, &find).await.unwrap();
    transaction.abort().await;
    found.iter().map(|one| Document::try_from(one).unwrap()).collect()
}

pub async fn write(collection: &GuardedCollection<'_>, writes: &Json) -> Result<Vec<Written>, GuardedError> {
    collection.write(&parse_writes(&node(writes))?).await
}

/// The result of a write in the form that cases expect.
pub fn shown(written: &Written) -> Document {
    let number = |number: u64| i32::try_from(number).unwrap();
    let mut shown = doc! { "matched": number(written.matched), "modified": number(written.modified), "deleted": number(written.deleted) };
    if !written.inserted.is_empty() {
        shown.insert("inserted", written.inserted.clone());
    }
    if let Some(id) = &written.upserted {
        shown.insert("upserted", id.clone());
    }
    if let Some(document) = &written.document {
        shown.insert("document", Document::try_from(document).unwrap());
    }
    shown
}

pub fn sorted(document: Document) -> BTreeMap<String, Bson> {
    document.into_iter().filter(|(_, value)| *value != Bson::Int32(0)).collect()
}

async fn a_write_has_its_whole_effect_or_none(given: Given) {
    let file: Json = serde_json::from_str(include_str!("../../../../fixtures/guarded/writes.json")).unwrap();
    let mut failures = Vec::new();
    let (mut held, mut elsewhere) = (0, 0);
    for (number, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        let namespace = namespace(&given.1, &format!("case{number}"));
        insert(&*given.0, &namespace, &documents(&case["stored"])).await;
        let guard = guard(&case["rules"], &file["user"]);
        let collection = GuardedCollection::new(&*given.0, namespace.clone(), &guard);
        let result = write(&collection, &case["write"]).await;
        let unsupported = result.as_ref().is_err_and(|error| error.to_string().contains("does not support it"));
        if unsupported && case.get("only").is_some() {
            elsewhere += 1;
            continue;
        }
        held += 1;
        let expect = &case["expect"];
        let as_expected = match (&result, expect.get("denied"), expect.get("error")) {
            (Err(error @ GuardedError::Denied { .. }), Some(operation), _) => {
                error.to_string() == format!("{} not permitted", operation.as_str().unwrap())
            }
            (Err(error), None, Some(text)) => error.to_string().contains(text.as_str().unwrap()),
            (Ok(written), None, None) => {
                let written: Vec<_> = written.iter().map(|one| sorted(shown(one))).collect();
                let expected = expect.as_array().cloned().unwrap_or_else(|| vec![expect.clone()]);
                written == expected.iter().map(|one| sorted(document(one))).collect::<Vec<_>>()
            }
            _ => false,
        };
        let then = stored(&given, &namespace).await;
        if !as_expected || then != documents(&case["then"]) {
            let private = result.as_ref().err().and_then(GuardedError::private);
            failures.push(format!("{}: {result:?} {private:?}\nthen {then:?}\n", case["name"]));
        }
    }
    println!("{held} cases, {elsewhere} that this store does not support");
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(held > 40 && elsewhere <= 3);
}

async fn no_write_reveals_unreadable_data(given: Given) {
    tricks(given, |_| false).await;
}

/// Tries every trick; `refuses` recognizes the error with which a store may refuse any of them.
pub async fn tricks(given: Given, refuses: fn(&str) -> bool) {
    let mut tried = Tried::default();
    for file in FILES {
        try_file(&given, file, refuses, &filled, &mut tried).await;
    }
    tried.assert_none_works();
    assert!(tried.tricks > 300 && tried.refused > 190, "{} tricks, {} of them refused", tried.tricks, tried.refused);
}

async fn too_many_documents_are_not_written(given: Given) {
    let rules = serde_json::json!({"roles": [{"name": "r", "apply_when": {}, "read": true, "write": true}]});
    let guard = guard(&rules, &serde_json::json!({"id": "u1"}));
    let (store, namespace) = &given;
    insert(&**store, namespace, &(0..12).map(|id| doc! { "_id": id, "n": 0 }).collect::<Vec<_>>()).await;
    let limits = Limits { written_documents: 10, ..Default::default() };
    let collection = GuardedCollection::new(&**store, namespace.clone(), &guard).with_limits(limits);
    let all = serde_json::json!({"updateMany": {"filter": {}, "update": {"$inc": {"n": 1}}}});
    let error = write(&collection, &all).await.unwrap_err();
    assert_eq!(error.to_string(), "one request would write more than 10 documents; split it, or narrow the filter");
    let some = serde_json::json!({"updateMany": {"filter": {"_id": {"$lt": 10}}, "update": {"$inc": {"n": 1}}}});
    assert_eq!(write(&collection, &some).await.unwrap()[0].modified, 10);
    let twice = serde_json::json!([
        {"updateMany": {"filter": {"_id": {"$lt": 6}}, "update": {"$inc": {"n": 1}}}},
        {"deleteMany": {"filter": {"_id": {"$lt": 6}}}}
    ]);
    assert!(write(&collection, &twice).await.unwrap_err().to_string().contains("more than 10 documents"));
    assert_eq!(stored(&given, namespace).await.len(), 12);
}

async fn thousands_of_documents_are_written_by_one_request(given: Given) {
    const MANY: usize = 2500;
    let rules = serde_json::json!({"roles": [{"name": "r", "apply_when": {}, "read": true, "write": true}]});
    let guard = guard(&rules, &serde_json::json!({"id": "u1"}));
    let (store, namespace) = &given;
    let collection = GuardedCollection::new(&**store, namespace.clone(), &guard);
    let documents: Vec<_> = (0..MANY).map(|id| serde_json::json!({"_id": id, "n": 0})).collect();
    let again = serde_json::json!({"insertMany": {"documents": [{"_id": -1}, {"_id": MANY - 1}, {"_id": -2}]}});
    let change = serde_json::json!({"updateMany": {"filter": {}, "update": {"$inc": {"n": 1}}}});
    let number = |of: &Written| (of.inserted.len(), of.modified, of.deleted);
    for (request, expected) in [
        (serde_json::json!({"insertMany": {"documents": documents}}), (MANY, 0, 0)),
        (change, (0, 2500, 0)),
        (serde_json::json!({"deleteMany": {"filter": {}}}), (0, 0, 2500)),
    ] {
        let written = write(&collection, &request).await.unwrap();
        assert_eq!(number(&written[0]), expected);
        if expected.0 > 0 {
            assert!(write(&collection, &again).await.unwrap_err().to_string().contains("E11000"));
            assert_eq!(stored(&given, namespace).await.len(), expected.0);
        }
    }
    assert!(stored(&given, namespace).await.is_empty());
}

/// Otherwise, a filter that also matches as many documents of the user's own as a limit allows would tell whether a hidden
/// document matches it.
async fn hidden_documents_do_not_count_towards_limits(given: Given) {
    let rules = serde_json::json!({"roles": [{
        "name": "r", "apply_when": {"%%true": {"%function": {"name": "isOpen", "arguments": ["%%root.open"]}}},
        "read": true, "write": true
    }]});
    let (store, namespace) = &given;
    let own = (0..4).map(|id| doc! { "_id": id, "open": true });
    let hidden = (4..400).map(|id| doc! { "_id": id, "open": false, "secret": "tiger" });
    insert(&**store, namespace, &own.chain(hidden).collect::<Vec<_>>()).await;
    let mut answers = Vec::new();
    for (limit, secret) in [(4, "tiger"), (4, "lion"), (3, "tiger"), (3, "lion")] {
        let rules = policy::compile(&node(&rules)).unwrap();
        let functions = Closures::new().with("isOpen", |arguments| Ok(arguments[0].clone()));
        let context = Context::new().with_functions(Arc::new(functions));
        let guard = Guard::new(RulesFile::effective(Some(&rules), None), context);
        let limits = Limits {
            checked_documents: u64::try_from(limit).unwrap(),
            held_documents: limit,
            written_checked: limit,
            ..Limits::default()
        };
        let collection = GuardedCollection::new(&**store, namespace.clone(), &guard).with_limits(limits);
        let filter = serde_json::json!({"$or": [{"open": true}, {"secret": secret}]});
        let request = |json: Json| FindRequest::parse(&node(&json)).unwrap();
        let sorted = request(serde_json::json!({"filter": filter, "sort": {"secret": 1}}));
        let found = async { Ok(collection.find(&sorted).await?.all().await?.len()) };
        let counted = async {
            let count = collection.count(&request(serde_json::json!({"filter": filter}))).await?;
            Ok(usize::try_from(count).unwrap())
        };
        let told = |answer: Result<usize, GuardedError>| answer.map_err(|error| error.to_string());
        let mut of_world = vec![told(found.await), told(counted.await)];
        for (action, update) in [
            ("updateMany", serde_json::json!({"$inc": {"n": 1}})),
            ("updateOne", serde_json::json!({"$inc": {"m": 1}})),
        ] {
            let written = write(&collection, &serde_json::json!({action: {"filter": filter, "update": update}})).await;
            of_world.push(told(written.map(|written| usize::try_from(written[0].modified).unwrap())));
        }
        answers.push(of_world);
    }
    assert_eq!(answers[0], [Ok(4), Ok(4), Ok(4), Ok(1)]);
    assert_eq!(answers[1], answers[0]);
    assert_eq!(answers[3], answers[2]);
    assert!(answers[2][..3].iter().all(Result::is_err), "{answers:?}");
}
