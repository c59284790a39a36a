//! Logins, sessions, profiles and custom data.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::client::{AUTH, NOTES, Server, Session, claims};

#[tokio::test]
async fn an_anonymous_user_logs_in_and_has_a_profile() {
    let server = Server::new().await;
    let reply = server.log_in("anon-user", json!({ "options": { "device": { "platform": "test" } } })).await;
    let session = Session::of(&reply);
    assert_eq!(reply.body["device_id"].as_str().unwrap().len(), 24);
    let claims_of = session.claims();
    assert_eq!((&claims_of["sub"], &claims_of["typ"]), (&json!(session.user_id), &json!("access")));
    assert!(claims_of.get("user_data").is_none(), "there is no custom data: {claims_of}");
    let refresh = claims(&session.refresh);
    assert!(refresh["exp"].is_i64() && refresh["iat"].is_i64() && refresh["typ"] == "refresh", "{refresh}");
    let profile = server.ask(Method::GET, &format!("{AUTH}/profile"), Some(&session.access), None).await.body;
    assert_eq!(profile["user_id"], json!(session.user_id));
    assert_eq!((&profile["type"], &profile["data"]), (&json!("normal"), &json!({})));
    assert_eq!(profile["identities"][0]["provider_type"], "anon-user");
}

#[tokio::test]
async fn a_device_keeps_its_id() {
    let server = Server::new().await;
    let id = "0123456789abcdef01234567";
    for (sent, kept) in [(json!({ "$oid": id }), true), (json!(id), true), (json!("0".repeat(24)), false)] {
        let payload = json!({ "options": { "device": { "deviceId": sent } } });
        let reply = server.log_in("anon-user", payload).await;
        assert_eq!(reply.body["device_id"] == id, kept);
    }
}

#[tokio::test]
async fn a_login_with_an_unknown_provider_fails() {
    let server = Server::new().await;
    for provider in ["custom-token", "oauth2-google", "nothing"] {
        let reply = server.log_in(provider, json!({})).await;
        let text = format!("authentication via '{provider}' is unsupported");
        assert_eq!(reply.failure(), (401, "AuthProviderNotFound", text.as_str()));
    }
}

#[tokio::test]
async fn custom_data_is_in_the_token_and_reread_at_each_refresh() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    assert!(ken.claims().get("user_data").is_none());
    let document = json!({ "user_id": ken.user_id, "level": { "$numberInt": "3" }, "tags": ["a"] });
    let admin = server.somebody("admin@example.com").await;
    let reply = server.call(&admin, "insertOne", "users", json!({ "document": document })).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let refreshed = server.ask(Method::POST, &format!("{AUTH}/session"), Some(&ken.refresh), None).await;
    assert_eq!(refreshed.status, StatusCode::CREATED);
    let data = claims(refreshed.body["access_token"].as_str().unwrap())["user_data"].clone();
    assert_eq!((&data["level"], &data["tags"]), (&json!({ "$numberInt": "3" }), &json!(["a"])));
    // Rules read custom data from the token, and the older token has none.
    let fresh = Session { access: refreshed.body["access_token"].as_str().unwrap().to_owned(), ..ken.clone() };
    let insert = json!({ "document": { "_id": 1, "level": 3 } });
    assert_eq!(server.call(&ken, "insertOne", "levels", insert.clone()).await.failure().1, "NoMatchingRuleFound");
    assert_eq!(server.call(&fresh, "insertOne", "levels", insert).await.status, StatusCode::OK);
}

#[tokio::test]
async fn revoking_a_session_takes_effect_immediately_and_affects_no_other() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let other = server.again("ken@example.com").await;
    let path = format!("{AUTH}/session");
    assert_eq!(server.ask(Method::DELETE, &path, Some(&ken.refresh), None).await.status, StatusCode::NO_CONTENT);
    let ended = (401, "InvalidSession", "invalid session: failed to find refresh token");
    assert_eq!(server.ask(Method::POST, &path, Some(&ken.refresh), None).await.failure(), ended);
    assert_eq!(server.ask(Method::GET, &format!("{AUTH}/profile"), Some(&ken.access), None).await.failure(), ended);
    assert_eq!(server.call(&ken, "find", "notes", json!({})).await.failure(), ended);
    assert_eq!(server.ask(Method::POST, &path, Some(&other.refresh), None).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_token_of_the_wrong_type_is_refused() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let wrong = (401, "InvalidSession", "invalid refresh token: incorrect token type");
    let session = format!("{AUTH}/session");
    assert_eq!(server.ask(Method::POST, &session, Some(&ken.access), None).await.failure(), wrong);
    assert_eq!(server.ask(Method::DELETE, &session, Some(&ken.access), None).await.failure(), wrong);
    assert_eq!(server.ask(Method::GET, &format!("{AUTH}/profile"), Some(&ken.refresh), None).await.failure(), wrong);
    let swapped = Session { access: ken.refresh.clone(), ..ken };
    assert_eq!(server.call(&swapped, "find", "notes", json!({})).await.failure(), wrong);
}

#[tokio::test]
async fn a_token_is_valid_for_its_application_only() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let body = json!({ "name": "find", "arguments": [{ "database": "notes", "collection": "notes" }], "service": "mongodb-atlas" });
    let path = "/api/client/v2.0/app/other-abcde/functions/call";
    let reply = server.ask(Method::POST, path, Some(&ken.access), Some(body)).await;
    assert_eq!((reply.failure().0, reply.failure().1), (401, "UserAppDomainMismatch"));
}

#[tokio::test]
async fn deleting_a_user_removes_everything_about_them() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let key =
        server.ask(Method::POST, &format!("{AUTH}/api_keys"), Some(&ken.refresh), Some(json!({ "name": "k" }))).await;
    let reply = server.ask(Method::DELETE, &format!("{AUTH}/delete"), Some(&ken.access), None).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    let reply = server.ask(Method::DELETE, &format!("{AUTH}/session"), Some(&ken.refresh), None).await;
    assert_eq!(reply.failure(), (401, "InvalidSession", "invalid session: failed to find refresh token"));
    let reply = server.log_in("local-userpass", json!({ "username": "ken@example.com", "password": "password" })).await;
    assert_eq!(reply.failure(), (401, "InvalidPassword", "unauthorized"));
    let reply = server.log_in("api-key", json!({ "key": key.body["key"] })).await;
    assert_eq!(reply.failure(), (401, "AuthError", "unauthorized"));
    let again = server.somebody("ken@example.com").await;
    assert_ne!(again.user_id, ken.user_id);
}

#[tokio::test]
async fn unused_credentials_can_be_linked() {
    let server = Server::new().await;
    let anonymous = Session::of(&server.log_in("anon-user", json!({})).await);
    server.register("ken@example.com", "password").await;
    let path = format!("{NOTES}/auth/providers/local-userpass/login?link=true");
    let payload = json!({ "username": "ken@example.com", "password": "password" });
    let link = |session: Session, payload: serde_json::Value| {
        let (server, path) = (&server, &path);
        async move { server.ask(Method::POST, path, Some(&session.access), Some(payload)).await }
    };
    // Linking again has the same result.
    for _ in 0..2 {
        let linked = link(anonymous.clone(), payload.clone()).await;
        assert_eq!(linked.body["user_id"], json!(anonymous.user_id));
        // The response is like that of a login: its refresh token is valid, too.
        let refresh = linked.body["refresh_token"].as_str();
        let refreshed = server.ask(Method::POST, "/api/client/v2.0/auth/session", refresh, None).await;
        assert!(refreshed.body["access_token"].is_string(), "{refreshed:?}");
    }
    assert_eq!(server.again("ken@example.com").await.user_id, anonymous.user_id);
    let eve = server.somebody("eve@example.com").await;
    let reply = link(anonymous.clone(), json!({ "username": "eve@example.com", "password": "password" })).await;
    assert_eq!((reply.failure().0, reply.failure().1), (401, "AuthError"));
    assert!(reply.failure().2.starts_with("unauthorized: "), "not the text upon which clients refresh: {reply:?}");
    let reply = link(eve, json!({ "username": "ken@example.com", "password": "password" })).await;
    assert_eq!(reply.failure().1, "AuthError");
    let reply = link(anonymous, json!({ "username": "ken@example.com", "password": "wrong one" })).await;
    assert_eq!(reply.failure().1, "InvalidPassword");
}
