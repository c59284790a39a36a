//! Which responses are compressed. A response that contains both a secret and data from the client is not: even through
//! TLS, its length would reveal how much of the secret a client has guessed.

use axum::body::Body;
use axum::http::{Method, Request, header};
use portcullis_server::Options;
use serde_json::{Value, json};

use crate::client::{AUTH, NOTES, Server};
use crate::shop::{Changes, ENDPOINT, Shop};

/// Sends a request that accepts compressed responses; returns whether the response is compressed.
async fn is_compressed(server: &Server, method: Method, path: &str, token: Option<&str>, body: Value) -> bool {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT_ENCODING, "gzip, br");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let (bytes, headers) = server.send_raw(request.body(Body::from(body.to_string())).unwrap()).await;
    // Uncompressed responses are large enough that their size is not the reason.
    assert!(headers.contains_key(header::CONTENT_ENCODING) || bytes.len() > 1024, "{path}: {} bytes", bytes.len());
    headers.contains_key(header::CONTENT_ENCODING)
}

#[tokio::test]
async fn documents_are_compressed_and_secrets_are_not() {
    let server = Server::with(Options::default()).await;
    let ken = server.somebody(&format!("{}@example.com", "ken".repeat(100))).await;
    let note = json!({ "document": { "owner": ken.user_id, "text": "a text of some length ".repeat(200) } });
    server.call(&ken, "insertOne", "notes", note).await;
    let find = json!({ "name": "find", "service": "mongodb-atlas", "arguments": [{ "database": "notes", "collection": "notes" }] });
    let call = format!("{NOTES}/functions/call");
    assert!(is_compressed(&server, Method::POST, &call, Some(&ken.access), find).await);
    let login = format!("{NOTES}/auth/providers/local-userpass/login");
    let payload = json!({ "username": format!("{}@example.com", "ken".repeat(100)), "password": "password" });
    assert!(!is_compressed(&server, Method::POST, &login, None, payload).await);
    for _ in 0..20 {
        let name = "k".repeat(100) + &bson::oid::ObjectId::new().to_hex();
        server.ask(Method::POST, &format!("{AUTH}/api_keys"), Some(&ken.refresh), Some(json!({ "name": name }))).await;
    }
    let keys = format!("{AUTH}/api_keys");
    assert!(!is_compressed(&server, Method::GET, &keys, Some(&ken.refresh), Value::Null).await);
}

#[tokio::test]
async fn responses_of_endpoints_are_not_compressed_because_they_may_contain_secrets() {
    let shop = Shop::with(Changes::default()).await;
    let text = "a text of some length ".repeat(200);
    let reply = shop.ask("POST", &format!("{ENDPOINT}/echo"), &[("accept-encoding", "gzip")], &text).await;
    assert_eq!((reply.status, reply.headers.get(header::CONTENT_ENCODING)), (200, None));
}
