//! What is told of writes that the server refuses by a validator or an index.

use std::sync::Arc;

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, IndexModel};
use portcullis::GuardedCollection;
use portcullis::store::documents::Namespace;
use portcullis_store::mongodb::MongoDocuments;
use serde_json::{Value as Json, json};

use portcullis_testkit::contracts::Holds;
use portcullis_testkit::contracts::documents::Given;
use portcullis_testkit::contracts::tricks::{Tried, try_file};
use portcullis_testkit::contracts::writes::{document, guard, write};
use portcullis_testkit::mongodb::World;

/// Makes a collection with the validator and the indexes of a case, and fills it; what is inserted is not validated.
async fn make(client: Client, namespace: Namespace, case: Json, documents: Vec<Document>) {
    let database = client.database(namespace.database());
    let collection = database.collection::<Document>(namespace.collection());
    if !documents.is_empty() {
        collection.insert_many(&documents).await.unwrap();
    }
    let made = &case["collection"];
    for index in made["indexes"].as_array().into_iter().flatten() {
        let options = IndexOptions::builder().unique(index["unique"].as_bool().unwrap_or(false)).build();
        collection
            .create_index(IndexModel::builder().keys(document(&index["keys"])).options(options).build())
            .await
            .unwrap();
    }
    if made.get("validator").is_some() {
        let change = doc! { "collMod": namespace.collection(), "validator": document(&made["validator"]) };
        database.run_command(change).await.unwrap();
    }
}

pub(crate) async fn no_error_of_the_server_reveals_unreadable_data(world: World) {
    let given: Given = (
        Arc::new(MongoDocuments::new(&world.client)),
        Namespace::parse(&format!("{}.documents", world.database.name())).unwrap(),
    );
    let client = world.client.clone();
    let fill = move |(_, namespace): Given, case: Json, documents: Vec<Document>| -> Holds {
        Box::pin(make(client.clone(), namespace, case, documents))
    };
    let mut tried = Tried::default();
    let file = ("collections", include_str!("../../../../fixtures/attacks/collections.json"));
    try_file(&given, file, |_| false, &fill, &mut tried).await;
    tried.assert_none_works();
    assert!(tried.tricks > 10);
}

pub(crate) async fn errors_of_the_server_have_their_text_only_for_users_who_may_read_everything(world: World) {
    let namespace = Namespace::parse(&format!("{}.documents", world.database.name())).unwrap();
    let case =
        json!({"collection": {"validator": {"n": {"$lt": 10}}, "indexes": [{"keys": {"key": 1}, "unique": true}]}});
    let stored = vec![doc! { "_id": 1, "n": 1, "key": 1 }, doc! { "_id": 2, "n": 1, "key": 2, "secret": 1 }];
    make(world.client.clone(), namespace.clone(), case, stored).await;
    let store = MongoDocuments::new(&world.client);
    let all = json!({"roles": [{"name": "all", "apply_when": {}, "read": true, "write": true}]});
    let some = json!({"roles": [{"name": "some", "apply_when": {}, "fields": {"secret": {}},
                                 "additional_fields": {"read": true, "write": true}}]});
    let failed = "the database did not carry out the request";
    for (writes, code) in [
        (
            json!({"updateOne": {"filter": {"_id": 1}, "update": {"$set": {"n": 50}}}}),
            ": Document failed validation (code 121)",
        ),
        (
            json!({"findOneAndUpdate": {"filter": {"_id": 1}, "update": {"$set": {"n": 50}}}}),
            ": Document failed validation (code 121)",
        ),
        (
            json!({"updateMany": {"filter": {}, "update": {"$set": {"n": 50}}}}),
            ": Document failed validation (code 121)",
        ),
        (json!({"insertOne": {"document": {"_id": 3, "n": 50}}}), ": Document failed validation (code 121)"),
        (
            json!({"updateOne": {"filter": {"_id": 3}, "update": {"$set": {"n": 50}}, "upsert": true}}),
            ": Document failed validation (code 121)",
        ),
        (
            json!({"updateOne": {"filter": {"_id": 1}, "update": {"$set": {"key": 2}}}}),
            ": a document with that key exists (E11000 duplicate key error)",
        ),
    ] {
        for (rules, code) in [(&all, code), (&some, "")] {
            let guard = guard(rules, &json!({"id": "u1"}));
            let error = write(&GuardedCollection::new(&store, namespace.clone(), &guard), &writes).await.unwrap_err();
            assert_eq!(error.to_string(), format!("{failed}{code}"), "{writes}");
            let log = error.private().unwrap();
            assert!(log.contains("(code 121)") || log.contains("E11000"), "{log}");
        }
    }
}
