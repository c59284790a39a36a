//! API keys of users.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{AUTH, Reply, Server, Session};

async fn keys(server: &Server, session: &Session, method: Method, path: &str, body: Option<Value>) -> Reply {
    server.ask(method, &format!("{AUTH}/api_keys{path}"), Some(&session.refresh), body).await
}

#[tokio::test]
async fn a_key_logs_its_user_in_until_it_is_disabled_or_deleted() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let made = keys(&server, &ken, Method::POST, "", Some(json!({ "name": "my-key" }))).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let (id, key) = (made.body["_id"].as_str().unwrap(), made.body["key"].clone());
    let shown = json!({ "_id": id, "name": "my-key", "disabled": false });
    assert_eq!(keys(&server, &ken, Method::GET, "", None).await.body, json!([shown]));
    assert_eq!(keys(&server, &ken, Method::GET, &format!("/{id}"), None).await.body, shown);
    let log_in = || server.log_in("api-key", json!({ "key": key }));
    let by_key = Session::of(&log_in().await);
    assert_eq!(by_key.user_id, ken.user_id);
    let refused = keys(&server, &by_key, Method::DELETE, &format!("/{id}"), None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "it opened this session");
    for _ in 0..2 {
        let reply = keys(&server, &ken, Method::PUT, &format!("/{id}/disable"), None).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(log_in().await.failure(), (401, "AuthError", "unauthorized"));
    keys(&server, &ken, Method::PUT, &format!("/{id}/enable"), None).await;
    assert_eq!(log_in().await.status, StatusCode::OK);
    assert_eq!(keys(&server, &ken, Method::DELETE, &format!("/{id}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(log_in().await.failure().1, "AuthError");
}

#[tokio::test]
async fn key_names_are_validated() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let create = |body: Value| keys(&server, &ken, Method::POST, "", Some(body));
    let plain = "can only contain ASCII letters, numbers, underscores, and hyphens";
    assert_eq!(create(json!({ "name": "my key" })).await.failure(), (400, "InvalidParameter", plain));
    for body in [json!({}), json!({ "name": "" })] {
        assert_eq!(create(body).await.failure(), (400, "", "'name' is a required string"));
    }
    create(json!({ "name": "one" })).await;
    let taken = (409, "APIKeyAlreadyExists", "API key with name already exists");
    assert_eq!(create(json!({ "name": "one" })).await.failure(), taken);
}

#[tokio::test]
async fn keys_of_other_users_look_nonexistent() {
    let server = Server::new().await;
    let (ken, eve) = (server.somebody("ken@example.com").await, server.somebody("eve@example.com").await);
    let made = keys(&server, &ken, Method::POST, "", Some(json!({ "name": "k" }))).await;
    let id = made.body["_id"].as_str().unwrap();
    let unknown = (404, "APIKeyNotFound", "API key not found");
    for (method, path) in [
        (Method::GET, format!("/{id}")),
        (Method::DELETE, format!("/{id}")),
        (Method::PUT, format!("/{id}/disable")),
        (Method::GET, "/0123456789abcdef01234567".to_owned()),
        (Method::GET, "/x".to_owned()),
    ] {
        assert_eq!(keys(&server, &eve, method, &path, None).await.failure(), unknown, "{path}");
    }
    assert_eq!(keys(&server, &eve, Method::GET, "", None).await.body, json!([]));
    let key = made.body["key"].as_str().unwrap();
    let forged = format!("{}{}", &key[..24], "0".repeat(40));
    for wrong in [&forged, "", "x", &key[..63]] {
        assert_eq!(server.log_in("api-key", json!({ "key": wrong })).await.failure().1, "AuthError");
    }
}

#[tokio::test]
async fn an_anonymous_user_has_no_keys() {
    let server = Server::new().await;
    let anonymous = Session::of(&server.log_in("anon-user", json!({})).await);
    let reply = keys(&server, &anonymous, Method::POST, "", Some(json!({ "name": "k" }))).await;
    assert_eq!((reply.failure().0, reply.failure().1), (400, "InvalidParameter"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_login_does_not_recreate_a_user_who_is_being_deleted() {
    let server = std::sync::Arc::new(Server::new().await);
    for round in 0..5 {
        let ken = server.somebody(&format!("ken{round}@example.com")).await;
        let made = keys(&server, &ken, Method::POST, "", Some(json!({ "name": "k" }))).await;
        let logins: Vec<_> = (0..8)
            .map(|_| {
                let (server, key) = (std::sync::Arc::clone(&server), made.body["key"].clone());
                tokio::spawn(async move { server.log_in("api-key", json!({ "key": key })).await })
            })
            .collect();
        let deleted = server.ask(Method::DELETE, &format!("{AUTH}/delete"), Some(&ken.access), None).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
        for login in logins {
            let reply = login.await.unwrap();
            if reply.status == StatusCode::OK {
                assert_eq!(reply.body["user_id"], json!(ken.user_id), "no other user is made");
            }
        }
    }
}

#[tokio::test]
async fn keys_of_other_users_cannot_be_linked() {
    let server = Server::new().await;
    let (ken, eve) = (server.somebody("ken@example.com").await, server.somebody("eve@example.com").await);
    let made = keys(&server, &ken, Method::POST, "", Some(json!({ "name": "k" }))).await;
    let path = format!("{}/auth/providers/api-key/login?link=true", crate::client::NOTES);
    let reply = server.ask(Method::POST, &path, Some(&eve.access), Some(json!({ "key": made.body["key"] }))).await;
    assert_eq!(reply.failure(), (400, "InvalidParameter", "invalid user link request"));
}
