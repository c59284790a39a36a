//! The Data API on a MongoDB server.

use std::sync::Arc;

use portcullis::app::Secrets;
use portcullis::{App, json};
use portcullis_service::Places;
use portcullis_service::client::{ClientApi, ClientError, ErrorCode, Host, Incoming, MailSettings, Served, StorePlace};
use portcullis_testkit::mongodb::World;
use serde_json::{Value, json};

/// The application `shop` with these settings of the Data API; its collections are in the test's own database.
async fn shop(world: &World, places: &Places, settings: Value) -> Arc<ClientApi> {
    let database = world.database.name();
    let folder = places.state.join(format!("app-{}", bson::oid::ObjectId::new().to_hex()));
    let everybody = json!({
        "name": "customer",
        "apply_when": {},
        "document_filters": { "read": { "customer": "%%user.id" }, "write": { "customer": "%%user.id" } },
        "read": true, "write": true, "insert": true, "delete": true, "search": true,
    });
    let mut data_api = json!({ "versions": ["v1"], "validation_method": "NO_VALIDATION" });
    data_api.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let orders = format!("data_sources/mongodb-atlas/{database}/orders/rules.json");
    for (path, content) in [
        ("realm_config.json", json!({ "app_id": "shop-abcde", "name": "shop" })),
        ("auth/providers.json", json!({ "api-key": { "name": "api-key", "type": "api-key", "disabled": false } })),
        ("data_sources/mongodb-atlas/config.json", json!({ "name": "mongodb-atlas", "type": "mongodb-atlas" })),
        (orders.as_str(), json!({ "database": database, "collection": "orders", "roles": [everybody] })),
        ("http_endpoints/data_api_config.json", data_api),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.to_string()).unwrap();
    }
    let served = vec![Served { app: Arc::new(App::load(&folder).unwrap()), secrets: Secrets::default() }];
    let Ok(uri) = world.uri.parse();
    let mail = MailSettings::to_folder(places.state.join("mail")).unwrap();
    let (host, _) = Host::open(places.clone(), &StorePlace::Server(uri), mail).await.unwrap();
    Arc::new(host.applications(served).unwrap().remove(0))
}

async fn act(api: &Arc<ClientApi>, key: Option<&str>, action: &str, body: Value) -> Result<Value, ClientError> {
    let headers = key.map(|key| ("api-key".to_owned(), key.to_owned())).into_iter().collect();
    let incoming = Incoming { method: "POST".to_owned(), headers, ..Incoming::default() };
    let body = json::parse(&body.to_string()).unwrap();
    let reply = api.data_api("v1", action, &incoming).await?.answer(Some(&body)).await?;
    Ok(serde_json::from_slice(&reply.body.unwrap()).unwrap())
}

pub(crate) async fn actions_run_under_the_rules_or_as_the_system(world: World) {
    let state = std::env::temp_dir().join(format!("portcullis-service-{}", bson::oid::ObjectId::new().to_hex()));
    let places = Places { database: format!("accounts_{}", world.database.name()), ..Places::in_directory(state) };
    let database = world.database.name().to_owned();
    let body = |options: Value| {
        let mut body = json!({ "dataSource": "mongodb-atlas", "database": database, "collection": "orders" });
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        body
    };
    let api = shop(&world, &places, json!({})).await;
    let key = api.create_server_key("till").await.unwrap().key;
    let till = act(&api, Some(&key), "find", body(json!({}))).await.unwrap();
    assert_eq!(till, json!({ "documents": [] }));
    let stranger = act(&api, None, "find", body(json!({}))).await.unwrap_err();
    assert_eq!(stranger.message, "no authentication methods were specified");

    let system = shop(&world, &places, json!({ "run_as_system": true })).await;
    let documents = json!([{ "_id": 1, "customer": "a", "n": 1 }, { "_id": 2, "customer": "b", "n": 2 }]);
    let inserted = act(&system, None, "insertMany", body(json!({ "documents": documents }))).await.unwrap();
    assert_eq!(inserted, json!({ "insertedIds": [1, 2] }));
    for (action, options, expected) in [
        (
            "find",
            json!({ "sort": { "_id": -1 }, "skip": 1, "limit": 1, "projection": { "n": 1 } }),
            json!({ "documents": [{ "_id": 1, "n": 1 }] }),
        ),
        ("findOne", json!({ "filter": { "_id": 9 } }), json!({ "document": null })),
        (
            "aggregate",
            json!({ "pipeline": [{ "$match": { "$expr": { "$gt": ["$n", 1] } } }, { "$count": "c" }] }),
            json!({ "documents": [{ "c": 1 }] }),
        ),
        (
            "updateOne",
            json!({ "filter": { "_id": 3 }, "update": { "$set": { "n": 3 } }, "upsert": true }),
            json!({ "matchedCount": 0, "modifiedCount": 0, "upsertedId": 3 }),
        ),
        (
            "updateMany",
            json!({ "filter": {}, "update": { "$inc": { "n": 1 } } }),
            json!({ "matchedCount": 3, "modifiedCount": 3 }),
        ),
        (
            "replaceOne",
            json!({ "filter": { "_id": 3 }, "replacement": { "n": 0 } }),
            json!({ "matchedCount": 1, "modifiedCount": 1 }),
        ),
        ("deleteOne", json!({ "filter": { "_id": 3 } }), json!({ "deletedCount": 1 })),
    ] {
        assert_eq!(act(&system, None, action, body(options)).await.unwrap(), expected, "{action}");
    }
    // Under the rules, the server key can neither see nor change any of it.
    for (action, options, expected) in [
        ("find", json!({}), json!({ "documents": [] })),
        (
            "updateMany",
            json!({ "filter": {}, "update": { "$inc": { "n": 1 } } }),
            json!({ "matchedCount": 0, "modifiedCount": 0 }),
        ),
        ("deleteMany", json!({ "filter": {} }), json!({ "deletedCount": 0 })),
    ] {
        assert_eq!(act(&api, Some(&key), action, body(options)).await.unwrap(), expected, "{action}");
    }
    assert_eq!(
        act(&system, None, "deleteMany", body(json!({ "filter": {} }))).await.unwrap(),
        json!({ "deletedCount": 2 })
    );
    // The same error code as on the embedded store.
    for (api, key) in [(&system, None), (&api, Some(key.as_str()))] {
        let negative = act(api, key, "find", body(json!({ "skip": -1 }))).await.unwrap_err();
        assert_eq!(negative.code, Some(ErrorCode::InvalidParameter), "{negative:?}");
    }
    let accounts = json!({ "database": places.database, "collection": "users" });
    assert!(act(&system, None, "find", body(accounts)).await.is_err(), "users and sessions are no documents");
    drop((api, system));
    places.clients.shut_down().await;
    let _ = std::fs::remove_dir_all(&places.state);
}
