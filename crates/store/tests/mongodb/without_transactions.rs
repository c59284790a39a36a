//! Writes on a server without transactions: one command about one document, or a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bson::{Document, doc};
use mongodb::Client;
use portcullis::GuardedCollection;
use portcullis::guarded::GuardedError;
use portcullis::store::documents::Namespace;
use portcullis_store::mongodb::MongoDocuments;
use serde_json::{Value as Json, json};

use portcullis_testkit::contracts::documents::Given;
use portcullis_testkit::contracts::writes::{document, documents, guard, shown, sorted, tricks, write};
use portcullis_testkit::mongodb::Server;
use portcullis_testkit::mongodb::World;
use portcullis_testkit::mongodb::clients::connect;

async fn single(world: &World) -> (Server, Client, MongoDocuments) {
    let server = Server::start_single(world.mongod.clone()).await.unwrap();
    let client = connect(&server.uri()).await.unwrap();
    let store = MongoDocuments::new(&client);
    (server, client, store)
}

async fn insert(client: &Client, namespace: &Namespace, documents: &[Document]) {
    let collection = client.database(namespace.database()).collection::<Document>(namespace.collection());
    collection.insert_many(documents).await.unwrap();
}

async fn stored(client: &Client, namespace: &Namespace) -> Vec<Document> {
    let collection = client.database(namespace.database()).collection::<Document>(namespace.collection());
    let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    let mut found = Vec::new();
    while cursor.advance().await.unwrap() {
        found.push(cursor.deserialize_current().unwrap());
    }
    found
}

pub(crate) async fn a_write_without_a_transaction_obeys_the_rules(world: World) {
    let (_server, client, store) = single(&world).await;
    let file: Json = serde_json::from_str(include_str!("../../../../fixtures/guarded/single.json")).unwrap();
    let mut failures = Vec::new();
    for (number, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        let namespace = Namespace::parse(&format!("single.case{number}")).unwrap();
        insert(&client, &namespace, &documents(&file["stored"])).await;
        let guard = guard(&case["rules"], &file["user"]);
        let result = write(&GuardedCollection::new(&store, namespace.clone(), &guard), &case["write"]).await;
        let as_expected = match (&result, case.get("denied"), case.get("refused")) {
            (Err(error @ GuardedError::Denied { .. }), Some(operation), None) => {
                error.to_string() == format!("{} not permitted", operation.as_str().unwrap())
            }
            (Err(error), None, Some(text)) => error.to_string().contains(text.as_str().unwrap()),
            (Ok(written), None, None) => {
                written.len() == 1 && sorted(shown(&written[0])) == sorted(document(&case["expect"]))
            }
            _ => false,
        };
        let then = stored(&client, &namespace).await;
        if !as_expected || then != documents(&case["then"]) {
            failures.push(format!("{}: {result:?}\nthen {then:?}\n", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// The cases of servers that have transactions: each is refused for want of one, or does the same.
pub(crate) async fn writes_with_and_without_a_transaction_have_the_same_effect(world: World) {
    let (_server, client, store) = single(&world).await;
    let file: Json = serde_json::from_str(include_str!("../../../../fixtures/guarded/writes.json")).unwrap();
    let (mut failures, mut refused, mut done) = (Vec::new(), 0, 0);
    for (number, case) in file["cases"].as_array().unwrap().iter().enumerate() {
        let namespace = Namespace::parse(&format!("same.case{number}")).unwrap();
        let before = documents(&case["stored"]);
        insert(&client, &namespace, &before).await;
        let guard = guard(&case["rules"], &file["user"]);
        let result = write(&GuardedCollection::new(&store, namespace.clone(), &guard), &case["write"]).await;
        let then = stored(&client, &namespace).await;
        let as_expected = match (&result, &case["expect"]) {
            (Err(GuardedError::NoTransaction(_)), _) => {
                refused += 1;
                then == before
            }
            (Ok(written), expect) => {
                done += 1;
                let expected = expect.as_array().cloned().unwrap_or_else(|| vec![expect.clone()]);
                let written: Vec<_> = written.iter().map(|one| sorted(shown(one))).collect();
                written == expected.iter().map(|one| sorted(document(one))).collect::<Vec<_>>()
                    && then == documents(&case["then"])
            }
            (Err(error), expect) => {
                done += 1;
                let told = error.to_string();
                then == before
                    && (expect.get("denied").is_some_and(|operation| told.contains(operation.as_str().unwrap()))
                        || expect.get("error").is_some_and(|text| told.contains(text.as_str().unwrap())))
            }
        };
        if !as_expected {
            failures.push(format!("{}: {result:?}\nthen {then:?}\n", case["name"]));
        }
    }
    println!("{done} cases do the same, {refused} are refused");
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(done >= 5 && refused >= 20, "{done} cases do the same, {refused} are refused");
}

pub(crate) async fn no_write_without_a_transaction_reveals_unreadable_data(world: World) {
    let (_server, _, store) = single(&world).await;
    let given: Given = (Arc::new(store), Namespace::parse("tricks.documents").unwrap());
    tricks(given, |error| error.starts_with("this server has no transactions")).await;
}

pub(crate) async fn a_stored_document_with_a_duplicate_key_is_not_updated_without_a_transaction(world: World) {
    let (_server, client, store) = single(&world).await;
    let mut twice = bson::rawdoc! { "_id": 1, "owner": "u1" };
    twice.append(bson::raw::cstr!("owner"), "u2");
    let collection = client.database("twice").collection::<bson::RawDocumentBuf>("documents");
    collection.insert_one(&twice).await.unwrap();
    let rules =
        json!({"roles": [{"name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": true, "write": true}]});
    let (namespace, guard) = (Namespace::parse("twice.documents").unwrap(), guard(&rules, &json!({"id": "u1"})));
    let guarded = GuardedCollection::new(&store, namespace, &guard);
    let request = json!({"updateOne": {"filter": {"_id": 1}, "update": {"$set": {"n": 1}}}});
    assert_eq!(write(&guarded, &request).await.unwrap_err().to_string(), "update not permitted");
    assert_eq!(collection.find_one(doc! {}).await.unwrap(), Some(twice));
    assert_eq!(write(&guarded, &json!({"deleteOne": {"filter": {"_id": 1}}})).await.unwrap()[0].deleted, 1);
}

/// How often each writer of the race writes.
const ROUNDS: usize = 300;

pub(crate) async fn no_write_without_a_transaction_changes_the_document_of_another_user(world: World) {
    let (_server, client, _) = single(&world).await;
    let namespace = Namespace::parse("race.documents").unwrap();
    insert(&client, &namespace, &[doc! { "_id": 1, "owner": "u1", "n": 0 }]).await;
    let rules =
        json!({"roles": [{"name": "Owner", "apply_when": {"owner": "%%user.id"}, "read": true, "write": true}]});
    let is_over = Arc::new(AtomicBool::new(false));
    let other = {
        let collection = client.database("race").collection::<Document>("documents");
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            for owner in ["u2", "u1"].into_iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                collection.update_one(doc! { "_id": 1 }, doc! { "$set": { "owner": owner } }).await.unwrap();
            }
        })
    };
    let rules = Arc::new(rules);
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (client, namespace, rules) = (client.clone(), namespace.clone(), Arc::clone(&rules));
            tokio::spawn(async move {
                let (store, guard) = (MongoDocuments::new(&client), guard(&rules, &json!({"id": "u1"})));
                let collection = GuardedCollection::new(&store, namespace, &guard);
                let request = json!({"findOneAndUpdate": {"filter": {"_id": 1}, "update": {"$inc": {"n": 1}}}});
                let (mut met, mut missed) = (0, 0);
                for _ in 0..ROUNDS {
                    let written = write(&collection, &request).await.unwrap().remove(0);
                    match written.document {
                        Some(before) => {
                            assert_eq!(before.get_str("owner").unwrap(), "u1");
                            met += 1;
                        }
                        None => {
                            assert_eq!(written.matched, 0, "a document was written that its writer may not read");
                            missed += 1;
                        }
                    }
                }
                (met, missed)
            })
        })
        .collect();
    let (mut met, mut missed) = (0, 0);
    for writer in writers {
        let (one, other) = writer.await.unwrap();
        (met, missed) = (met + one, missed + other);
    }
    is_over.store(true, Ordering::Relaxed);
    other.await.unwrap();
    println!("{met} writes, {missed} that found nothing");
    assert_eq!(stored(&client, &namespace).await[0].get_i32("n").unwrap(), met);
    assert!(met > 20 && missed > 20, "{met} writes, {missed} that found nothing: no race");
}
