//! Large requests, and other requests at the same time. The server has a single worker thread, so that a request which
//! blocks it is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use portcullis_server::MAX_BODY;
use serde_json::{Value, json};

use crate::client::{NOTES, Server, Session};

/// Returns the status and duration of a request, and the longest response time of other requests during it.
async fn beside(server: &Arc<Server>, request: Request<Body>) -> (StatusCode, Duration, Duration) {
    let is_over = Arc::new(AtomicBool::new(false));
    let waiting = {
        let (server, is_over) = (Arc::clone(server), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !is_over.load(Ordering::SeqCst) {
                let asked = Instant::now();
                assert_eq!(server.ask(Method::GET, "/healthz", None, None).await.status, StatusCode::OK);
                // Handing over the thread is a part of the response time.
                tokio::task::yield_now().await;
                longest = longest.max(asked.elapsed());
            }
            longest
        })
    };
    let begun = Instant::now();
    let answering = {
        let server = Arc::clone(server);
        tokio::spawn(async move { server.send(request).await.status })
    };
    let status = answering.await.unwrap();
    let took = begun.elapsed();
    is_over.store(true, Ordering::SeqCst);
    (status, took, waiting.await.unwrap())
}

fn call(session: &Session, name: &str, options: &Value) -> Request<Body> {
    let mut argument = json!({ "database": "notes", "collection": "notes" });
    argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let body = json!({ "name": name, "arguments": [argument], "service": "mongodb-atlas" }).to_string();
    Request::post(format!("{NOTES}/functions/call"))
        .header(header::AUTHORIZATION, format!("Bearer {}", session.access))
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body))
        .unwrap()
}

/// Documents of 15 MB and 200,000 values in total.
fn notes(owner: &str) -> Vec<Value> {
    let text = "x".repeat(700);
    let part = json!({ "text": text, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8 });
    (0..20).map(|_| json!({ "owner": owner, "parts": vec![&part; 950] })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn large_requests_and_results_do_not_block_others() {
    let server = Arc::new(Server::new().await);
    let ken = server.somebody("ken@example.com").await;
    let insert = call(&ken, "insertMany", &json!({ "documents": notes(&ken.user_id) }));
    let (status, took, waited) = beside(&server, insert).await;
    println!("insertMany took {took:?}, the others waited at most {waited:?}");
    assert_eq!(status, StatusCode::OK);
    assert!(waited < took / 2, "{waited:?} of {took:?}");
    for (name, options) in
        [("find", json!({ "query": {} })), ("aggregate", json!({ "pipeline": [{ "$unwind": "$parts" }] }))]
    {
        let (status, took, waited) = beside(&server, call(&ken, name, &options)).await;
        println!("{name} took {took:?}, the others waited at most {waited:?}");
        assert_eq!(status, StatusCode::OK, "{name}");
        assert!(waited < took / 2, "{name}: {waited:?} of {took:?}");
    }
}

/// A call of exactly `length` bytes, which inserts two documents.
fn call_of(length: usize, owner: &str) -> String {
    let document = |text: String| json!({ "owner": owner, "text": text });
    let call = |first: usize, second: usize| {
        let documents = [document("x".repeat(first)), document("x".repeat(second))];
        let argument = json!({ "database": "notes", "collection": "notes", "documents": documents });
        json!({ "name": "insertMany", "arguments": [argument], "service": "mongodb-atlas" }).to_string()
    };
    let rest = length - call(0, 0).len();
    let body = call(rest / 2, rest - rest / 2);
    assert_eq!(body.len(), length);
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_18_mib_is_accepted_and_one_more_byte_is_refused() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    // With and without a `Content-Length` header.
    for says_length in [true, false] {
        let send = async |length: usize| {
            let body = call_of(length, &ken.user_id);
            let request = Request::post(format!("{NOTES}/functions/call"))
                .header(header::AUTHORIZATION, format!("Bearer {}", ken.access));
            let request = if says_length { request.header(header::CONTENT_LENGTH, body.len()) } else { request };
            let parts = body.into_bytes().chunks(1 << 20).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
            let parts: Vec<_> = parts;
            server.send(request.body(Body::from_stream(futures_util::stream::iter(parts))).unwrap()).await
        };
        let count = async || server.call(&ken, "count", "notes", json!({})).await.body["$numberLong"].clone();
        let before: i32 = count().await.as_str().unwrap().parse().unwrap();
        assert_eq!(send(MAX_BODY).await.status, StatusCode::OK);
        assert_eq!(count().await, (before + 2).to_string());
        let refused = send(MAX_BODY + 1).await;
        assert_eq!(refused.failure(), (413, "", "payload too large"));
        assert_eq!(refused.headers[header::CONNECTION], "close");
        assert_eq!(count().await, (before + 2).to_string());
    }
}
