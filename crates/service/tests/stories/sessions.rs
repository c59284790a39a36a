//! Sessions of users whose custom data changes.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::{Bson, DateTime};
use portcullis::CustomData;
use portcullis_service::client::{ClientApi, ClientError, StreamItem};
use portcullis_testkit::keys::{SECRET, hs256, sign};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{CodeName, PASSWORD, Place, call, claims, log_in_by, payload, register, told};

/// If the token from a successful refresh were rejected, clients would repeat the request forever.
pub(super) async fn refreshing_the_token_shows_changed_custom_data(place: Place) {
    let api = place.open().await;
    api.add_user("admin@example.com", PASSWORD).await.unwrap();
    register(&api, "ken@example.com").await;
    let admin = log_in_by(&api, "admin@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    assert!(claims(&ken.access_token).get("user_data").is_none());
    let mut access = ken.access_token.clone();
    for level in 0..4 {
        let update = json!({ "$set": { "user_id": ken.user_id, "level": level } });
        let options = json!({ "query": { "user_id": ken.user_id }, "update": update, "upsert": true });
        call(&api, &admin.access_token, "updateOne", "users", options).await.unwrap();
        // The old token remains valid, with the data at its time of issue.
        api.bearer(&access).await.unwrap();
        for _ in 0..3 {
            access = api.refresh(&ken.refresh_token).await.unwrap();
            let data = claims(&access).get_document("user_data").unwrap().clone();
            assert_eq!(data.get_document("level").unwrap().get_str("$numberInt").unwrap(), level.to_string());
            api.bearer(&access).await.unwrap();
            api.profile(&access).await.unwrap();
            let seen = call(&api, &access, "find", "users", json!({})).await.unwrap();
            assert!(matches!(seen, Bson::Array(seen) if seen.len() == 1));
        }
    }
}

/// How long tests wait for an expected event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sets the level in a user's custom data.
async fn set_level(api: &ClientApi, admin: &str, user_id: &str, level: i32) {
    let update = json!({ "$set": { "user_id": user_id, "level": level } });
    let options = json!({ "query": { "user_id": user_id }, "update": update, "upsert": true });
    call(api, admin, "updateOne", "users", options).await.unwrap();
}

/// The level that rules see for the bearer of a token, which must be accepted.
async fn level(api: &ClientApi, token: &str) -> Option<i32> {
    match &api.bearer(token).await.unwrap().custom_data {
        CustomData::Loaded(data) => Some(data.get_i32("level").unwrap()),
        _ => None,
    }
}

/// Makes requests until rules see the expected level. None of them may be rejected: a client would refresh its token
/// and retry for ever.
async fn see(api: &ClientApi, token: &str, expected: Option<i32>) {
    let seen = async {
        while level(api, token).await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("the change is not noticed");
}

pub(super) async fn watched_custom_data_takes_effect_without_a_new_token(place: Place) {
    let api = place.open_watched().await;
    api.add_user("admin@example.com", PASSWORD).await.unwrap();
    register(&api, "ken@example.com").await;
    let admin = log_in_by(&api, "admin@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    for expected in 0..4 {
        set_level(&api, &admin.access_token, &ken.user_id, expected).await;
        see(&api, &ken.access_token, Some(expected)).await;
        // A refreshed token sees the same level, and both tokens are accepted.
        let renewed = api.refresh(&ken.refresh_token).await.unwrap();
        assert_eq!(level(&api, &renewed).await, Some(expected));
        assert_eq!(level(&api, &ken.access_token).await, Some(expected));
    }
    let options = json!({ "query": { "user_id": ken.user_id } });
    call(&api, &admin.access_token, "deleteOne", "users", options).await.unwrap();
    see(&api, &ken.access_token, None).await;
}

/// Watches the collection of the custom data.
async fn watch(api: &Arc<ClientApi>, token: &str) -> mpsc::Receiver<StreamItem> {
    let argument = json!({ "database": "moved", "collection": "users" });
    let call = payload(json!({ "name": "watch", "service": "mongodb-atlas", "arguments": [argument] }));
    Arc::clone(api).watch(token, &call).await.unwrap()
}

/// The error with which a stream ends.
async fn end(stream: &mut mpsc::Receiver<StreamItem>) -> ClientError {
    let ended = async {
        loop {
            match stream.recv().await.expect("the stream ends without a failure") {
                StreamItem::Failed(error) => return error,
                StreamItem::Change(_) | StreamItem::Quiet => {}
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, ended).await.expect("the stream goes on");
    assert!(stream.recv().await.is_none(), "nothing follows the failure");
    error
}

pub(super) async fn a_stream_ends_when_watched_custom_data_changes(place: Place) {
    let api = Arc::new(place.open_watched().await);
    api.add_user("admin@example.com", PASSWORD).await.unwrap();
    register(&api, "ken@example.com").await;
    let admin = log_in_by(&api, "admin@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    for expected in 0..2 {
        let mut stream = watch(&api, &ken.access_token).await;
        set_level(&api, &admin.access_token, &ken.user_id, expected).await;
        let error = end(&mut stream).await;
        let told = (error.code_name(), error.message.as_str());
        assert_eq!(told, ("InvalidSession", "invalid session: the user has changed"));
        // The same token can open another stream, which is that of the changed user.
        see(&api, &ken.access_token, Some(expected)).await;
    }
}

/// The same token, valid for two more seconds only.
fn shortened(token: &str) -> String {
    let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_str(&text(parts[1])).unwrap();
    claims["exp"] = json!(DateTime::now().timestamp_millis() / 1000 + 2);
    sign(&text(parts[0]), &claims.to_string(), &hs256(&SECRET))
}

pub(super) async fn a_stream_older_than_its_token_sends_no_change_to_a_changed_user(place: Place) {
    let api = Arc::new(place.open().await);
    api.add_user("admin@example.com", PASSWORD).await.unwrap();
    register(&api, "ken@example.com").await;
    let admin = log_in_by(&api, "admin@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let short = shortened(&ken.access_token);
    let mut stream = watch(&api, &short).await;
    let expired = async {
        while api.bearer(&short).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, expired).await.expect("the token does not expire");
    set_level(&api, &admin.access_token, &ken.user_id, 1).await;
    let first = async {
        loop {
            match stream.recv().await.expect("the stream ends without a failure") {
                StreamItem::Quiet => {}
                StreamItem::Change(change) => panic!("{change}"),
                StreamItem::Failed(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, first).await.expect("the stream goes on");
    assert_eq!(
        (error.code_name(), error.message.as_str()),
        ("InvalidSession", "invalid session: the user has changed")
    );
}

pub(super) async fn a_stream_ends_when_its_user_is_disabled_or_deleted(place: Place) {
    let api = Arc::new(place.open().await);
    for email in ["ken@example.com", "zoe@example.com"] {
        register(&api, email).await;
    }
    let (ken, zoe) = (log_in_by(&api, "ken@example.com").await, log_in_by(&api, "zoe@example.com").await);
    let mut kens = watch(&api, &ken.access_token).await;
    let mut zoes = watch(&api, &zoe.access_token).await;
    api.accounts().disable(&ken.user_id).await.unwrap();
    let error = end(&mut kens).await;
    assert_eq!((error.code_name(), error.message.as_str()), ("InvalidSession", "invalid session: user disabled"));
    let call = payload(json!({ "name": "watch", "service": "mongodb-atlas", "arguments": [{}] }));
    assert_eq!(told(Arc::clone(&api).watch(&ken.access_token, &call).await).code_name(), "UserDisabled");
    api.delete_user(&zoe.access_token).await.unwrap();
    assert_eq!(end(&mut zoes).await.code_name(), "InvalidSession");
}
