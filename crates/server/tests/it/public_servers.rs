//! Protection of a server that strangers can reach.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use portcullis_server::{Options, RateLimits};
use serde_json::{Value, json};

use crate::client::{NOTES, Reply, Server};
use crate::shop::{Changes, SHOP, Shop};

/// A server with rate limits, behind a proxy on this machine.
async fn limited() -> Server {
    Server::with(Options {
        rate_limits: Some(RateLimits::default()),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Options::default()
    })
    .await
}

/// A request that a proxy forwards for a client.
async fn forwarded(server: &Server, client: &str, path: &str, body: &Value) -> Reply {
    let request = Request::builder().method(Method::POST).uri(format!("{NOTES}/auth/providers/{path}"));
    let request = request.header("x-forwarded-for", client);
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn log_in(server: &Server, client: &str, password: &str) -> Reply {
    let body = json!({ "username": "ken@example.com", "password": password });
    forwarded(server, client, "local-userpass/login", &body).await
}

#[tokio::test]
async fn password_guessing_is_limited_without_locking_out_the_owner() {
    let server = limited().await;
    server.register("ken@example.com", "password").await;
    for guess in 0..10 {
        assert_eq!(log_in(&server, "192.0.2.1", &format!("guess {guess}")).await.status, StatusCode::UNAUTHORIZED);
    }
    // The correct password counts as an attempt like any other.
    let refused = log_in(&server, "192.0.2.1", "password").await;
    assert_eq!(refused.failure(), (429, "", "too many requests: try again later"));
    let seconds: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=90).contains(&seconds), "{seconds}");
    // Clients at other addresses can log in; adding an address to the header oneself does not help.
    assert_eq!(log_in(&server, "192.0.2.2", "password").await.status, StatusCode::OK);
    assert_eq!(log_in(&server, "198.51.100.9, 192.0.2.1", "password").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn registrations_anonymous_users_and_mails_are_limited() {
    let server = limited().await;
    let mut made = 0;
    for number in 0..60 {
        let reply = if number % 2 == 0 {
            forwarded(&server, "2001:db8::1", "anon-user/login", &json!({})).await
        } else {
            // From the same IPv6 network.
            let body = json!({ "email": format!("{number}@x"), "password": "short" });
            forwarded(&server, "2001:db8::2", "local-userpass/register", &body).await
        };
        made += usize::from(reply.status != StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(made, 50);
    let mut asked = 0;
    for number in 0..40 {
        let body = json!({ "email": "ken@example.com" });
        let reply = forwarded(&server, &format!("192.0.2.{}", number % 5), "local-userpass/reset/send", &body).await;
        asked += usize::from(reply.status != StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(asked, 20);
}

#[tokio::test]
async fn without_limits_nothing_is_limited() {
    let server = Server::new().await;
    for _ in 0..150 {
        let body = json!({ "email": "ken@example.com" });
        let reply = forwarded(&server, "192.0.2.1", "local-userpass/reset/send", &body).await;
        assert_eq!(reply.failure(), (404, "UserNotFound", "user not found"));
    }
}

#[tokio::test]
async fn the_public_url_comes_from_a_trusted_proxy_only() {
    let hostname = async |server: &Server| {
        let request = Request::builder().uri(format!("{NOTES}/location")).header(header::HOST, "inner:8080");
        let request = request.header("x-forwarded-host", "api.example.com").header("x-forwarded-proto", "https");
        let reply = server.send(request.body(Body::empty()).unwrap()).await;
        (reply.body["hostname"].clone(), reply.body["ws_hostname"].clone())
    };
    let trusting = hostname(&limited().await).await;
    assert_eq!(trusting, (json!("https://api.example.com"), json!("wss://api.example.com")));
    let other = hostname(&Server::new().await).await;
    assert_eq!(other, (json!("http://inner:8080"), json!("ws://inner:8080")));
    let public = Options { public_url: Some("https://public.example.com/".to_owned()), ..Options::default() };
    let public = hostname(&Server::with(public).await).await;
    assert_eq!(public, (json!("https://public.example.com"), json!("wss://public.example.com")));
}

#[tokio::test]
async fn errors_link_to_the_log_by_request_id() {
    let server = Server::new().await;
    let session = server.somebody("ken@example.com").await;
    let paths = [
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::PUT, "/api/client/v2.0/auth/profile", StatusCode::METHOD_NOT_ALLOWED),
        (Method::GET, "/api/client/v2.0/app/nobody/location", StatusCode::NOT_FOUND),
        (Method::POST, "/api/client/v2.0/auth/session", StatusCode::UNAUTHORIZED),
    ];
    for (method, path, status) in paths {
        let reply = server.ask(method, path, Some(&session.access), None).await;
        assert_eq!(reply.status, status);
        let id = reply.headers["x-request-id"].to_str().unwrap();
        let link = reply.body["link"].as_str().unwrap();
        let (base, co_id) = link.split_once("/logs?co_id=").unwrap();
        assert_eq!(co_id, id);
        let parts: Vec<&str> = base.strip_prefix("http://localhost/").unwrap().split('/').collect();
        assert!(matches!(parts[..], ["groups", group, "apps", app] if group.len() == 24 && app.len() == 24), "{link}");
    }
}

#[tokio::test]
async fn large_responses_are_compressed_on_request() {
    let server = Server::new().await;
    let session = server.somebody("ken@example.com").await;
    let text = "la ".repeat(2000);
    let note = json!({ "document": { "owner": session.user_id, "text": text } });
    assert_eq!(server.call(&session, "insertOne", "notes", note).await.status, StatusCode::OK);
    let find = json!({ "name": "find", "service": "mongodb-atlas",
        "arguments": [{ "database": "notes", "collection": "notes", "query": {} }] });
    let send = async |encodings: Option<&str>| {
        let mut request = Request::builder().method(Method::POST).uri(format!("{NOTES}/functions/call"));
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", session.access));
        if let Some(encodings) = encodings {
            request = request.header(header::ACCEPT_ENCODING, encodings);
        }
        server.send_raw(request.body(Body::from(find.to_string())).unwrap()).await
    };
    let (plain, headers) = send(None).await;
    assert!(plain.len() > 6000 && !headers.contains_key(header::CONTENT_ENCODING));
    let (packed, headers) = send(Some("gzip")).await;
    assert!(packed.len() < 1000 && headers[header::CONTENT_ENCODING] == "gzip", "{}", packed.len());
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn a_server_is_ready_while_it_reaches_its_stores() {
    let server = Server::new().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.ask(Method::GET, path, None, None).await.status, StatusCode::OK);
    }
}

/// For example, a string instead of a list: its author meant to allow some origins, but not all.
#[tokio::test]
async fn origins_that_are_not_a_list_of_strings_allow_no_one() {
    for wrong in [
        json!("https://good.example"),
        json!(true),
        json!(null),
        json!({}),
        json!([7]),
        json!([["https://good.example"]]),
    ] {
        let config = json!({
            "app_id": "shop-abcde", "name": "shop", "config_version": 20210101,
            "security": { "allowed_request_origins": wrong },
        });
        let shop = Shop::with(Changes::default().file("realm_config.json", &config)).await;
        for origin in ["https://good.example", "null", ""] {
            let reply = shop.ask("GET", &format!("{SHOP}/location"), &[("origin", origin)], "").await;
            assert_eq!((reply.status, reply.failure().1.as_str()), (403, "DomainNotAllowed"), "{wrong} {origin}");
        }
        // Clients other than browsers send no origin.
        assert_eq!(shop.ask("GET", &format!("{SHOP}/location"), &[], "").await.status, 200);
    }
}

#[tokio::test]
async fn one_network_cannot_use_up_the_memory_for_large_bodies() {
    let server = limited().await;
    let request = |client: &str, body: Body| {
        let request = Request::post("/app/notes-abcde/endpoint/upload").header(header::CONTENT_LENGTH, 10_000_000);
        request.header("x-forwarded-for", client).body(body).unwrap()
    };
    let endless = || Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let mut uploads = Vec::new();
    for number in 0..16 {
        // All addresses are in the same IPv6 network.
        let client = format!("2001:db8:77::{number:x}");
        let mut upload = Box::pin(server.send(request(&client, endless())));
        assert!(futures_util::poll!(upload.as_mut()).is_pending());
        uploads.push(upload);
    }
    let refused = server.send(request("2001:db8:77::ffff", endless())).await;
    assert_eq!(refused.failure(), (429, "", "too many large requests at once"));
    assert!(refused.headers.contains_key(header::RETRY_AFTER));
    let body = || Body::from(vec![b' '; 10_000_000]);
    assert_eq!(
        server.send(request("2001:db8:78::1", body())).await.status,
        StatusCode::NOT_FOUND,
        "there is no endpoint"
    );
    // Aborted uploads free their places.
    uploads.pop();
    assert_eq!(server.send(request("2001:db8:77::ffff", body())).await.status, StatusCode::NOT_FOUND);
}
