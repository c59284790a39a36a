//! Behaviour common to all requests.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::client::{AUTH, NOTES, Server};

#[tokio::test]
async fn clients_can_look_up_the_location_of_the_application() {
    let server = Server::new().await;
    for path in [format!("{NOTES}/location"), format!("/{NOTES}/location")] {
        let request = Request::get(path).header(header::HOST, "example.com:81").body(Body::empty()).unwrap();
        let reply = server.send(request).await;
        assert_eq!(
            reply.body,
            json!({ "deployment_model": "GLOBAL", "location": "US-VA", "hostname": "http://example.com:81", "ws_hostname": "ws://example.com:81" })
        );
    }
    let reply = server.ask(Method::GET, "/api/client/v2.0/app/nobody/location", None, None).await;
    assert_eq!(reply.failure(), (404, "", "cannot find app using Client App ID 'nobody'"));
}

#[tokio::test]
async fn unknown_paths_and_methods_have_different_errors() {
    let server = Server::new().await;
    for path in ["/", "/api/client/v2.0/nothing", &format!("{NOTES}/graphql")] {
        assert_eq!(server.ask(Method::GET, path, None, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let reply = server.ask(Method::PUT, &format!("{NOTES}/location"), None, None).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    let reply = server.ask(Method::PUT, &format!("{NOTES}/push/providers/gcm/registration"), None, None).await;
    assert_eq!(reply.failure(), (404, "ServiceNotFound", "service not found: 'gcm'"));
    let reply = server.ask(Method::GET, "/healthz", None, None).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn cors_accepts_allowed_origins() {
    let server = Server::new().await;
    let ask = |path: &str, method: Method, origin: &str| {
        let request = Request::builder().method(method).uri(path).header(header::ORIGIN, origin);
        server.send(request.header("access-control-request-headers", "x-own").body(Body::empty()).unwrap())
    };
    let path = format!("{NOTES}/location");
    let reply = ask(&path, Method::OPTIONS, "http://localhost:3000").await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
    assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "x-own");
    assert_eq!(reply.headers[header::VARY], "Origin");
    let reply = ask("/api/client/v2.0/app/nobody/location", Method::GET, "null").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "null");
    let other = "/api/client/v2.0/app/other-abcde/location";
    assert_eq!(ask(other, Method::GET, "https://good.example").await.status, StatusCode::OK);
    let written_otherwise = "/api/client/v2.0/app/other%2Dabcde/location";
    assert_eq!(ask(written_otherwise, Method::GET, "https://evil.example").await.failure().1, "DomainNotAllowed");
    for origin in ["https://good.example:8443", "http://good.example", "null", "https://good.example.evil"] {
        let reply = ask(other, Method::GET, origin).await;
        assert_eq!(reply.failure().1, "DomainNotAllowed", "{origin}");
    }
    assert_eq!(server.ask(Method::GET, other, None, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn missing_and_invalid_tokens_have_different_errors() {
    let server = Server::new().await;
    let profile = format!("{AUTH}/profile");
    let reply = server.ask(Method::GET, &profile, None, None).await;
    assert_eq!(reply.failure(), (401, "", "must authenticate first"));
    let reply = server.ask(Method::GET, &profile, Some(""), None).await;
    assert_eq!(reply.failure(), (401, "", "expected Authorization header with JWT"));
    for forged in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJiYWFzX2RvbWFpbl9pZCI6Im5vdGVzLWFiY2RlIn0."] {
        let reply = server.ask(Method::GET, &profile, Some(forged), None).await;
        assert_eq!(reply.failure(), (401, "", "unauthorized"), "{forged}");
    }
}

#[tokio::test]
async fn an_invalid_json_body_is_refused_before_the_store() {
    let server = Server::new().await;
    let path = format!("{NOTES}/auth/providers/local-userpass/login");
    for body in ["{", "[", "\u{0}", "{\"a\":1,\"a\":2}"] {
        let request = Request::post(&path).body(Body::from(body)).unwrap();
        assert_eq!(server.send(request).await.failure().0, 400, "{body}");
    }
    for payload in [json!({ "username": { "$ne": 1 }, "password": "password" }), json!({ "username": 1 }), json!([])] {
        assert_eq!(server.post(&path, payload).await.failure().1, "BadRequest");
    }
    let large = format!("[{}0]", "0,".repeat(1_000_000));
    let request = Request::post(&path).body(Body::from(large)).unwrap();
    assert_eq!(server.send(request).await.failure(), (413, "", "payload too large"));
    let request = Request::get("/api/client/v2.0/app/%ff%fe/location").body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.failure().0, 400);
    let deep = "[".repeat(100_000);
    let request = Request::post(&path).body(Body::from(deep)).unwrap();
    assert_eq!(server.send(request).await.failure().0, 400);
}

#[tokio::test]
async fn a_large_unauthenticated_body_is_not_read() {
    let server = Server::new().await;
    let request = |token: Option<&str>| {
        let mut request = Request::post(format!("{NOTES}/functions/call")).header(header::CONTENT_LENGTH, 10_000_000);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        // The body never arrives.
        let body = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        request.body(Body::from_stream(body)).unwrap()
    };
    let patience = std::time::Duration::from_secs(20);
    for token in [None, Some("x.y.z")] {
        let reply = tokio::time::timeout(patience, server.send(request(token))).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
}
