//! Streams of changes, on the embedded store.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{AUTH, Server, Session};

async fn act(server: &Server, session: &Session, name: &str, options: Value) {
    let reply = server.call(session, name, "notes", options).await;
    assert_eq!(reply.status, StatusCode::OK, "{name}: {reply:?}");
}

async fn insert(server: &Server, session: &Session, id: &str) {
    act(server, session, "insertOne", json!({ "document": { "_id": id, "owner": session.user_id } })).await;
}

#[tokio::test]
async fn every_kind_of_change_has_the_format_that_clients_expect() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let owner = &ken.user_id;
    let mut stream = server.watch(&ken, json!({})).await.unwrap();
    let mut other = server.watch(&ken, json!({})).await.unwrap();
    let document = json!({ "_id": "a", "owner": owner, "t": "100 %\n\r", "in": { "x": "1", "y": "2" } });
    act(&server, &ken, "insertOne", json!({ "document": document })).await;
    let update = json!({ "$set": { "in.x": "3", "new": "n" }, "$unset": { "in.y": "" } });
    act(&server, &ken, "updateOne", json!({ "query": { "_id": "a" }, "update": update })).await;
    // An update that changes nothing causes no event.
    act(&server, &ken, "updateOne", json!({ "query": { "_id": "a" }, "update": { "$set": { "new": "n" } } })).await;
    act(&server, &ken, "updateOne", json!({ "query": { "_id": "a" }, "update": { "owner": owner, "t": "b" } })).await;
    act(&server, &ken, "deleteOne", json!({ "query": { "_id": "a" } })).await;
    let mut changes = Vec::new();
    for _ in 0..4 {
        changes.push(stream.change().await);
    }
    let after = json!({ "_id": "a", "owner": owner, "t": "100 %\n\r", "in": { "x": "3" }, "new": "n" });
    let kinds: Vec<&Value> = changes.iter().map(|change| &change["operationType"]).collect();
    assert_eq!(kinds, ["insert", "update", "replace", "delete"]);
    let documents: Vec<&Value> = changes.iter().map(|change| &change["fullDocument"]).collect();
    assert_eq!(documents, [&document, &after, &json!({ "_id": "a", "owner": owner, "t": "b" }), &Value::Null]);
    let description = json!({ "updatedFields": { "in.x": "3", "new": "n" }, "removedFields": ["in.y"] });
    assert_eq!(changes[1]["updateDescription"], description);
    let mut names = BTreeSet::new();
    for change in &changes {
        assert_eq!(change["ns"], json!({ "db": "notes", "coll": "notes" }));
        assert_eq!(change["documentKey"], json!({ "_id": "a" }));
        assert_eq!(change["clusterTime"]["$timestamp"]["i"], 1);
        assert_eq!(change.get("updateDescription").is_some(), change["operationType"] == "update", "{change}");
        // The name of the position is opaque, and the same in every stream.
        let name = change["_id"]["_data"].as_str().unwrap().to_owned();
        assert_eq!(name.len(), 64);
        assert!(names.insert(name));
        assert_eq!(&other.change().await, change);
    }
}

#[tokio::test]
async fn changes_of_other_users_are_not_revealed() {
    let server = Server::new().await;
    let (ken, eve) = (server.somebody("ken@example.com").await, server.somebody("eve@example.com").await);
    let mut stream = server.watch(&ken, json!({})).await.unwrap();
    insert(&server, &eve, "hers").await;
    act(&server, &eve, "updateOne", json!({ "query": {}, "update": { "$set": { "t": "x" } } })).await;
    act(&server, &eve, "deleteMany", json!({})).await;
    insert(&server, &ken, "his").await;
    assert_eq!(stream.change().await["documentKey"]["_id"], "his");
}

#[tokio::test]
async fn clients_watch_chosen_documents_or_events() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let mut ids = server.watch(&ken, json!({ "ids": ["b", "c"] })).await.unwrap();
    let filter = json!({ "$or": [{ "fullDocument._id": "c" }, { "operationType": "delete" }] });
    let mut filter = server.watch(&ken, json!({ "filter": filter })).await.unwrap();
    for id in ["a", "b", "c"] {
        insert(&server, &ken, id).await;
    }
    act(&server, &ken, "deleteMany", json!({})).await;
    let told = |change: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&change["operationType"]), text(&change["documentKey"]["_id"]))
    };
    for (stream, expected) in [
        (&mut ids, vec![("insert", "b"), ("insert", "c"), ("delete", "b"), ("delete", "c")]),
        (&mut filter, vec![("insert", "c"), ("delete", "a"), ("delete", "b"), ("delete", "c")]),
    ] {
        for (operation, id) in expected {
            assert_eq!(told(&stream.change().await), (operation.to_owned(), id.to_owned()));
        }
    }
    for options in [
        json!({ "ids": ["a"], "filter": { "operationType": "insert" } }),
        json!({ "filter": { "$where": "1" } }),
        json!({ "ids": "a" }),
    ] {
        let refused = server.watch(&ken, options.clone()).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{options}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let other = server.again("ken@example.com").await;
    let mut stream = server.watch(&ken, json!({})).await.unwrap();
    let path = format!("{AUTH}/session");
    let reply = server.ask(Method::DELETE, &path, Some(&ken.refresh), None).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    insert(&server, &other, "late").await;
    let (name, error) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), error["error_code"].as_str()), ("error", Some("InvalidSession")));
    assert_eq!(stream.next().await, None);
    let refused = server.watch(&ken, json!({})).await.unwrap_err();
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}
