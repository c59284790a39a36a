//! Cached tokens, users and rules are never used for another user, nor after they have become stale.

use std::path::Path;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use portcullis::App;
use portcullis::app::Secrets;
use portcullis_server::Options;
use portcullis_service::client::Served;
use serde_json::{Value, json};

use crate::client::{AUTH, Server, Session};
use crate::shop::copy;

async fn seen(server: &Server, session: &Session) -> Value {
    let one = server.call(session, "findOne", "notes", json!({ "query": {} })).await;
    let all = server.call(session, "find", "notes", json!({ "query": {} })).await;
    assert_eq!((one.status, all.status), (StatusCode::OK, StatusCode::OK), "{one:?} {all:?}");
    let first = all.body.get(0).cloned().unwrap_or_default();
    assert_eq!(one.body, first, "the same rules for both");
    all.body
}

async fn note(server: &Server, session: &Session, text: &str) {
    let document = json!({ "owner": session.user_id, "text": text });
    let reply = server.call(session, "insertOne", "notes", json!({ "document": document })).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

#[tokio::test]
async fn interleaved_users_each_see_their_own_data() {
    let server = Server::new().await;
    let (ken, ada) = (server.somebody("ken@example.com").await, server.somebody("ada@example.com").await);
    note(&server, &ken, "by Ken").await;
    note(&server, &ada, "by Ada").await;
    for _ in 0..3 {
        for (session, text) in [(&ken, "by Ken"), (&ada, "by Ada")] {
            let seen = seen(&server, session).await;
            assert_eq!((seen.as_array().unwrap().len(), &seen[0]["text"]), (1, &json!(text)));
        }
    }
}

#[tokio::test]
async fn a_cached_token_ends_with_its_session() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    let other = server.again("ken@example.com").await;
    for session in [&ken, &other, &ken] {
        seen(&server, session).await;
    }
    let path = format!("{AUTH}/session");
    assert_eq!(server.ask(Method::DELETE, &path, Some(&ken.refresh), None).await.status, StatusCode::NO_CONTENT);
    let ended = (401, "InvalidSession", "invalid session: failed to find refresh token");
    assert_eq!(server.call(&ken, "findOne", "notes", json!({})).await.failure(), ended);
    seen(&server, &other).await;
}

/// A token that differs from an accepted one in a single character.
#[tokio::test]
async fn a_token_that_resembles_a_cached_one_is_refused() {
    let server = Server::new().await;
    let ken = server.somebody("ken@example.com").await;
    seen(&server, &ken).await;
    let signature = ken.access.rfind('.').unwrap() + 1;
    for at in [signature, ken.access.find('.').unwrap() + 20] {
        let mut access = ken.access.clone();
        let other = if access.as_bytes()[at] == b'A' { "B" } else { "A" };
        access.replace_range(at..=at, other);
        let forged = Session { access, ..ken.clone() };
        assert_eq!(server.call(&forged, "findOne", "notes", json!({})).await.status, StatusCode::UNAUTHORIZED);
    }
}

fn application(folder: &Path) -> Served {
    Served { app: Arc::new(App::load(folder).unwrap()), secrets: Secrets::default() }
}

#[tokio::test]
async fn reloaded_rules_apply_to_earlier_tokens() {
    let server = Server::of(&["served/notes"], Options::default()).await;
    let original = portcullis_testkit::root().join("fixtures/served/notes");
    let closed = server.state().join("closed");
    copy(&original, &closed);
    let rules = json!({ "database": "notes", "collection": "notes", "roles": [] });
    std::fs::write(closed.join("data_sources/mongodb-atlas/notes/notes/rules.json"), rules.to_string()).unwrap();
    let ken = server.somebody("ken@example.com").await;
    note(&server, &ken, "by Ken").await;
    for (folder, count) in [(&original, 1), (&closed, 0), (&original, 1), (&closed, 0)] {
        server.served.replace(server.host.applications(vec![application(folder)]).unwrap());
        for _ in 0..2 {
            assert_eq!(seen(&server, &ken).await.as_array().unwrap().len(), count, "{}", folder.display());
        }
    }
}
