//! Functions that decide which roles and filters apply, for everything that a client can do.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bson::Bson;
use bson::oid::ObjectId;
use portcullis_service::client::{ClientApi, LoginReply, StreamItem};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Place, call, log_in_by, payload, register};

/// Returns `true` for Ada and `false` for Bob; throws for anyone else.
const IS_ADA: &str = r#"
exports = async () => {
  switch (context.user.data.email) {
    case "ada@example.com": return true;
    case "bob@example.com": return false;
    default: throw new Error("nobody knows");
  }
};"#;

/// An application whose only collection has these rules, under a unique name, since other stories may use the same
/// server.
async fn open(place: &Place, mut rules: Value) -> (Arc<ClientApi>, String) {
    let collection = format!("c{}", ObjectId::new().to_hex());
    let (from, app) = (portcullis_testkit::root().join("fixtures/served/moved"), place.path("app"));
    for file in ["realm_config.json", "auth/providers.json", "data_sources/mongodb-atlas/config.json"] {
        fs::create_dir_all(app.join(file).parent().unwrap()).unwrap();
        fs::copy(from.join(file), app.join(file)).unwrap();
    }
    rules["database"] = json!("moved");
    rules["collection"] = json!(collection);
    let folder = app.join("data_sources/mongodb-atlas/moved").join(&collection);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("rules.json"), rules.to_string()).unwrap();
    fs::create_dir_all(app.join("functions")).unwrap();
    fs::write(app.join("functions/isAda.js"), IS_ADA).unwrap();
    fs::write(app.join("functions/config.json"), json!([{ "name": "isAda", "private": true }]).to_string()).unwrap();
    (Arc::new(place.open_app(app).await), collection)
}

/// Ada, Bob, and Eve, for whom the function fails.
async fn users(api: &ClientApi) -> [LoginReply; 3] {
    for name in ["ada", "bob", "eve"] {
        register(api, &format!("{name}@example.com")).await;
    }
    let log_in = async |name: &str| log_in_by(api, &format!("{name}@example.com")).await;
    [log_in("ada").await, log_in("bob").await, log_in("eve").await]
}

/// The number of documents that a user gets by each way of reading: find, findOne (at most one), count and aggregate.
async fn read(api: &ClientApi, user: &LoginReply, collection: &str) -> [i64; 4] {
    let ask = async |action: &str, options: Value| match call(api, &user.access_token, action, collection, options)
        .await
        .unwrap()
    {
        Bson::Array(found) => i64::try_from(found.len()).unwrap(),
        Bson::Int64(count) => count,
        found => i64::from(found != Bson::Null),
    };
    [
        ask("find", json!({ "query": {} })).await,
        ask("findOne", json!({ "query": {} })).await,
        ask("count", json!({ "query": {} })).await,
        ask("aggregate", json!({ "pipeline": [{ "$match": {} }] })).await,
    ]
}

/// The number of documents that a user updates.
async fn update(api: &ClientApi, user: &LoginReply, collection: &str, by: &str) -> i32 {
    let options = json!({ "query": {}, "update": { "$set": { "by": by } } });
    let updated = call(api, &user.access_token, "updateMany", collection, options).await.unwrap();
    updated.as_document().unwrap().get_i32("modifiedCount").unwrap()
}

async fn insert(api: &ClientApi, user: &LoginReply, collection: &str, document: Value) -> Result<(), String> {
    let inserted = call(api, &user.access_token, "insertOne", collection, json!({ "document": document })).await;
    inserted.map(drop).map_err(|error| error.message)
}

async fn watch(api: &Arc<ClientApi>, user: &LoginReply, collection: &str) -> mpsc::Receiver<StreamItem> {
    let argument = json!({ "database": "moved", "collection": collection });
    let call = payload(json!({ "name": "watch", "service": "mongodb-atlas", "arguments": [argument] }));
    Arc::clone(api).watch(&user.access_token, &call).await.unwrap()
}

/// The `_id` in the next change of a stream.
async fn told(stream: &mut mpsc::Receiver<StreamItem>) -> String {
    loop {
        match tokio::time::timeout(Duration::from_secs(60), stream.recv()).await.unwrap().unwrap() {
            StreamItem::Quiet => {}
            StreamItem::Change(event) => {
                let key = event.as_document().unwrap().get_document("documentKey").unwrap();
                return key.get_str("_id").unwrap().to_owned();
            }
            StreamItem::Failed(error) => panic!("{error}"),
        }
    }
}

/// Whether a stream has delivered no changes.
fn is_silent(stream: &mut mpsc::Receiver<StreamItem>) -> bool {
    loop {
        match stream.try_recv() {
            Ok(StreamItem::Quiet) => {}
            Ok(_) => return false,
            Err(_) => return true,
        }
    }
}

pub(super) async fn a_function_decides_whether_a_role_applies(place: Place) {
    let role = json!({
        "name": "ada", "apply_when": { "%%true": { "%function": { "name": "isAda" } } },
        "read": true, "write": true, "insert": true, "delete": true, "search": true,
    });
    let (api, collection) = open(&place, json!({ "roles": [role] })).await;
    let [ada, bob, eve] = users(&api).await;
    let mut streams = Vec::new();
    for user in [&ada, &bob, &eve] {
        streams.push(watch(&api, user, &collection).await);
    }
    insert(&api, &ada, &collection, json!({ "_id": "first" })).await.unwrap();
    insert(&api, &ada, &collection, json!({ "_id": "second" })).await.unwrap();
    assert_eq!(read(&api, &ada, &collection).await, [2, 1, 2, 2]);
    assert_eq!(update(&api, &ada, &collection, "ada").await, 2);
    for refused in [&bob, &eve] {
        assert_eq!(read(&api, refused, &collection).await, [0; 4]);
        assert_eq!(update(&api, refused, &collection, "another").await, 0);
        let inserted = insert(&api, refused, &collection, json!({ "_id": "third" })).await;
        assert_eq!(inserted, Err("insert not permitted".to_owned()));
        let deleted = call(&api, &refused.access_token, "deleteMany", &collection, json!({ "query": {} })).await;
        assert_eq!(deleted.unwrap().as_document().unwrap().get("deletedCount"), Some(&Bson::Int32(0)));
    }
    for id in ["first", "second"] {
        assert_eq!(told(&mut streams[0]).await, id);
    }
    assert!(streams[1..].iter_mut().all(is_silent));
}

pub(super) async fn a_function_decides_whether_a_filter_applies(place: Place) {
    let role = json!({
        "name": "anybody", "apply_when": {},
        "read": true, "write": true, "insert": true, "delete": true, "search": true,
    });
    let filter =
        |name: &str, applies: Value, query: Value| json!({ "name": name, "apply_when": applies, "query": query });
    // Anyone but Ada sees only public documents.
    let applies = json!({ "%%false": { "%function": { "name": "isAda" } } });
    let filters = [filter("public", applies, json!({ "public": true }))];
    let (api, collection) = open(&place, json!({ "roles": [role], "filters": filters })).await;
    let [ada, bob, eve] = users(&api).await;
    let mut streams = Vec::new();
    for user in [&ada, &bob] {
        streams.push(watch(&api, user, &collection).await);
    }
    for (id, is_public) in [("hidden", false), ("shown", true), ("last", true)] {
        insert(&api, &ada, &collection, json!({ "_id": id, "public": is_public })).await.unwrap();
    }
    assert_eq!(read(&api, &ada, &collection).await, [3, 1, 3, 3]);
    assert_eq!(read(&api, &bob, &collection).await, [2, 1, 2, 2]);
    assert_eq!(update(&api, &bob, &collection, "bob").await, 2);
    // If it is unknown whether a filter applies, nothing is visible.
    assert_eq!(read_or_refused(&api, &eve, &collection).await, 0);
    for id in ["hidden", "shown", "last"] {
        assert_eq!(told(&mut streams[0]).await, id);
    }
    for id in ["shown", "last"] {
        assert_eq!(told(&mut streams[1]).await, id);
    }
}

/// The number of documents that a user gets, also if every request is rejected.
async fn read_or_refused(api: &ClientApi, user: &LoginReply, collection: &str) -> usize {
    let mut reached = 0;
    for (action, options) in [("find", json!({ "query": {} })), ("aggregate", json!({ "pipeline": [] }))] {
        match call(api, &user.access_token, action, collection, options).await {
            Ok(found) => reached += found.as_array().unwrap().len(),
            Err(refused) => assert!(!refused.message.contains("nobody knows"), "{refused}"),
        }
    }
    let update = json!({ "query": {}, "update": { "$set": { "by": "eve" } } });
    if let Ok(updated) = call(api, &user.access_token, "updateMany", collection, update).await {
        reached += usize::from(updated.as_document().unwrap().get("modifiedCount") != Some(&Bson::Int32(0)));
    }
    reached
}
