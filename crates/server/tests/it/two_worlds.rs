//! What is hidden is not told: a user asks the same of two servers whose documents differ only in what the user may not read.

use std::path::{Path, PathBuf};

use axum::http::Method;
use portcullis::json;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_server::Options;
use portcullis_store::EmbeddedDocuments;
use serde_json::{Value, json};

use crate::client::{Server, Session};

const APP: &str = "/api/client/v2.0/app/employees";

fn fixture(ken: &str) -> Value {
    let path = portcullis_testkit::root().join("fixtures/served/two_worlds.json");
    let text = std::fs::read_to_string(path).unwrap().replace("\"KEN\"", &format!("\"{ken}\""));
    serde_json::from_str(&text).unwrap()
}

/// Stores the documents of a world in the folder of a server that does not run.
async fn fill(state: &Path, collections: &Value) {
    let store = EmbeddedDocuments::open(&state.join("documents.redb")).unwrap();
    let mut transaction = store.begin().await.unwrap();
    for (collection, documents) in collections.as_object().unwrap() {
        let namespace = Namespace::parse(&format!("hr.{collection}")).unwrap();
        for document in documents.as_array().unwrap() {
            let document = json::to_document(&json::parse(&document.to_string()).unwrap()).unwrap();
            transaction.insert(&namespace, &document).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
}

/// A folder with the accounts of another.
fn copy(state: &Path) -> PathBuf {
    let copied = state.with_file_name(format!("portcullis-world-{}", bson::oid::ObjectId::new().to_hex()));
    std::fs::create_dir(&copied).unwrap();
    for name in ["state.redb", "signing.key"] {
        std::fs::copy(state.join(name), copied.join(name)).unwrap();
    }
    copied
}

async fn call(server: &Server, token: &str, request: &Value) -> (u16, Value) {
    let mut argument = request["options"].clone();
    argument["database"] = json!("hr");
    argument["collection"] = request.get("in").cloned().unwrap_or_else(|| json!("employees"));
    let body = json!({ "name": request["name"], "arguments": [argument], "service": "mongodb-atlas" });
    let reply = server.ask(Method::POST, &format!("{APP}/functions/call"), Some(token), Some(body)).await;
    let mut told = reply.body;
    // The link has the id of the request.
    if let Some(told) = told.as_object_mut() {
        told.remove("link");
    }
    (reply.status.as_u16(), told)
}

#[tokio::test]
async fn two_worlds_that_differ_in_what_is_hidden_look_the_same() {
    let (ken, first) = {
        let server = Server::of(&["apps/employees"], Options::default()).await;
        let register = json!({ "email": "ken@example.com", "password": "password" });
        server.post(&format!("{APP}/auth/providers/local-userpass/register"), register).await;
        let login = json!({ "username": "ken@example.com", "password": "password" });
        let reply = server.post(&format!("{APP}/auth/providers/local-userpass/login"), login).await;
        (Session::of(&reply), copy(server.state()))
    };
    let second = copy(&first);
    let fixture = fixture(&ken.user_id);
    let mut servers = Vec::new();
    for (state, world) in [first, second].into_iter().zip(fixture["worlds"].as_array().unwrap()) {
        fill(&state, &fixture["shared"]).await;
        fill(&state, world).await;
        servers.push(Server::at(state, &["apps/employees"], Options::default()).await);
    }
    // The custom data of now.
    let path = "/api/client/v2.0/auth/session";
    let renewed = servers[0].ask(Method::POST, path, Some(&ken.refresh), None).await;
    let token = renewed.body["access_token"].as_str().unwrap();

    let (mut found, mut refused, mut written) = (0, 0, 0);
    for request in fixture["requests"].as_array().unwrap() {
        let told = call(&servers[0], token, request).await;
        assert_eq!(told, call(&servers[1], token, request).await, "{request}");
        found += usize::from(told.1.as_array().is_some_and(|found| !found.is_empty()));
        refused += usize::from(told.0 != 200);
        written += usize::from(told.1["modifiedCount"]["$numberInt"] == "1");
    }
    // They were questions that have answers.
    assert!(found >= 20 && refused >= 5 && written >= 1, "{found} found, {refused} refused, {written} written");
}
