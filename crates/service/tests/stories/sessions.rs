//! Sessions of users whose custom data changes.

use bson::Bson;
use serde_json::json;

use super::{PASSWORD, Place, call, claims, log_in_by, register};

/// If the token from a successful refresh were rejected, clients would repeat the request forever.
pub(super) async fn a_refresh_after_the_custom_data_changed_is_enough(place: Place) {
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
