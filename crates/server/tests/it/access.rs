//! AuthZEN: decisions for other rule engines.

use axum::http::{Method, StatusCode};
use portcullis_server::{AccessKey, Options};
use serde_json::{Value, json};

use crate::client::{Reply, Server, Session};

const KEY: &str = "a key of at least thirty-two bytes";

async fn asked() -> (Server, Session, Session) {
    let access_keys = vec![AccessKey::new("notes-abcde", KEY)];
    let server = Server::with(Options { access_keys, ..Options::default() }).await;
    let (ken, ann) = (server.somebody("ken@example.com").await, server.somebody("ann@example.com").await);
    (server, ken, ann)
}

async fn post(server: &Server, path: &str, body: Value) -> Reply {
    server.ask(Method::POST, &format!("/access/v1/{path}"), Some(KEY), Some(body)).await
}

fn question(user: &str, action: &Value, mut resource: Value) -> Value {
    resource["type"] = json!("notes.notes");
    json!({ "subject": { "type": "user", "id": user }, "action": action, "resource": resource })
}

#[tokio::test]
async fn a_document_in_the_request_is_decided_by_the_rules() {
    let (server, ken, ann) = asked().await;
    let note = json!({ "_id": 1, "owner": ken.user_id, "text": "a" });
    let changed = json!({ "_id": 1, "owner": ken.user_id, "text": "b" });
    let cases = [
        (&ken, json!({ "name": "read" }), true),
        (&ann, json!({ "name": "read" }), false),
        (&ken, json!({ "name": "insert" }), true),
        (&ken, json!({ "name": "delete" }), true),
        (&ann, json!({ "name": "delete" }), false),
        (&ken, json!({ "name": "update", "properties": { "document": changed } }), true),
        (&ken, json!({ "name": "update", "properties": { "update": { "$set": { "text": "b" } } } }), true),
        (&ann, json!({ "name": "update", "properties": { "update": { "$set": { "text": "b" } } } }), false),
    ];
    for (user, action, expected) in cases {
        let asked = question(&user.user_id, &action, json!({ "properties": note }));
        let reply = post(&server, "evaluation", asked).await;
        assert_eq!((reply.status, &reply.body["decision"]), (StatusCode::OK, &json!(expected)), "{action} {reply:?}");
        assert_eq!(reply.body["context"]["reason"].is_null(), expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_stored_document_is_looked_up_and_user_properties_in_the_request_are_ignored() {
    let (server, ken, ann) = asked().await;
    let note = json!({ "document": { "owner": ken.user_id, "text": "a" } });
    let inserted = server.call(&ken, "insertOne", "notes", note).await;
    let id = inserted.body["insertedId"]["$oid"].as_str().unwrap().to_owned();
    let decision = async |user: &str, id: &str| {
        let mut asked = question(user, &json!({ "name": "read" }), json!({ "id": id }));
        asked["subject"]["properties"] = json!({ "id": ken.user_id, "custom_data": { "isAdmin": true } });
        let reply = post(&server, "evaluation", asked).await;
        (reply.body["decision"].clone(), reply.body["context"]["reason"]["code"].clone())
    };
    assert_eq!(decision(&ken.user_id, &id).await, (json!(true), Value::Null));
    assert_eq!(decision(&ann.user_id, &id).await.0, json!(false));
    assert_eq!(decision(&ken.user_id, "650000000000000000000000").await, (json!(false), json!("no-document")));
    assert_eq!(decision("650000000000000000000000", &id).await, (json!(false), json!("no-user")));
    // Readable documents are listed page by page.
    for _ in 0..4 {
        let note = json!({ "document": { "owner": ken.user_id, "text": "more" } });
        server.call(&ken, "insertOne", "notes", note).await;
    }
    let (mut token, mut pages, mut all) = (String::new(), 0, Vec::new());
    loop {
        let mut asked = question(&ken.user_id, &json!({ "name": "read" }), json!({}));
        asked["page"] = json!({ "token": token, "limit": 2 });
        let reply = post(&server, "search/resource", asked).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        all.extend(
            reply.body["results"].as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        token = reply.body["page"]["next_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((pages, all.len(), all.contains(&id)), (3, 5, true));
    let none = post(&server, "search/resource", question(&ann.user_id, &json!({ "name": "read" }), json!({}))).await;
    assert_eq!(none.body, json!({ "results": [], "page": { "next_token": "" } }));
}

#[tokio::test]
async fn batched_evaluations_are_answered_in_order() {
    let (server, ken, ann) = asked().await;
    let own = |user: &str| json!({ "resource": { "type": "notes.notes", "properties": { "_id": 1, "owner": user } } });
    let mut body = json!({
        "subject": { "type": "user", "id": ken.user_id },
        "action": { "name": "read" },
        "evaluations": [own(&ken.user_id), own(&ann.user_id), { "resource": { "type": "?" } }, own(&ken.user_id)],
    });
    let decisions = async |body: &Value| {
        let reply = post(&server, "evaluations", body.clone()).await;
        let answers = reply.body["evaluations"].as_array().unwrap().clone();
        answers.iter().map(|answer| answer["decision"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(decisions(&body).await, [true, false, false, true]);
    body["options"] = json!({ "evaluations_semantic": "deny_on_first_deny" });
    assert_eq!(decisions(&body).await, [true, false]);
    body["options"] = json!({ "evaluations_semantic": "permit_on_first_permit" });
    assert_eq!(decisions(&body).await, [true]);
}

#[tokio::test]
async fn evaluations_require_the_key_of_the_application() {
    let (server, ken, _) = asked().await;
    let asked = question(&ken.user_id, &json!({ "name": "read" }), json!({ "properties": { "_id": 1 } }));
    for token in [None, Some("another key of at least thirty-two bytes"), Some(ken.access.as_str())] {
        let reply = server.ask(Method::POST, "/access/v1/evaluation", token, Some(asked.clone())).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let configuration = server.ask(Method::GET, "/.well-known/authzen-configuration", None, None).await;
    assert_eq!(configuration.body["access_evaluation_endpoint"], json!("http://localhost/access/v1/evaluation"));
    let without = Server::new().await;
    let reply = without.ask(Method::POST, "/access/v1/evaluation", Some(KEY), Some(asked)).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn invalid_evaluation_requests_are_refused() {
    let (server, ken, _) = asked().await;
    let resource = || json!({ "properties": { "_id": 1 } });
    let cases = [
        (json!({}), "`subject.type` is a required string"),
        (question(&ken.user_id, &json!({ "name": "eat" }), resource()), "there is no action `eat`"),
        (question(&ken.user_id, &json!({ "name": "read" }), json!({})), "the resource needs an `id`"),
        (question(&ken.user_id, &json!({ "name": "update" }), resource()), "`update` needs `update` with operators"),
    ];
    for (body, text) in cases {
        let reply = post(&server, "evaluation", body).await;
        let (status, code, told) = reply.failure();
        assert_eq!((status, code), (400, "BadRequest"));
        assert!(told.starts_with(text), "{told}");
    }
}
