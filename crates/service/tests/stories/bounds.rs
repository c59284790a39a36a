//! Limits on how much one request reads and writes.

use bson::Bson;
use serde_json::{Value, json};

use super::{CodeName as _, Place, call, log_in_by, register, told};

fn length(found: &Bson) -> usize {
    found.as_array().unwrap().len()
}

pub(super) async fn an_aggregation_is_returned_whole_or_refused(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let each: Vec<usize> = (0..300).collect();
    let notes: Vec<Value> = (0..200).map(|n| json!({ "owner": ken.user_id, "n": n, "each": each })).collect();
    call(&api, &ken.access_token, "insertMany", "notes", json!({ "documents": notes })).await.unwrap();
    let aggregate = async |stages: Value| {
        call(&api, &ken.access_token, "aggregate", "notes", json!({ "pipeline": stages })).await.unwrap()
    };
    let unwound = json!([{ "$project": { "each": 1 } }, { "$unwind": "$each" }]);
    assert_eq!(length(&aggregate(unwound.clone()).await), 60_000);
    let limited = json!([unwound[0], unwound[1], { "$limit": 49_999 }]);
    assert_eq!(length(&aggregate(limited).await), 49_999);
    let large = json!([{ "$project": { "each": 1, "again": "$each" } }, { "$unwind": "$again" }]);
    let large = call(&api, &ken.access_token, "aggregate", "notes", json!({ "pipeline": large })).await;
    assert_eq!(told(large).code_name(), "ReadSizeLimitExceeded");
}

pub(super) async fn replacing_too_many_documents_is_refused_as_a_whole(place: Place) {
    let api = place.open().await;
    register(&api, "ken@example.com").await;
    let ken = log_in_by(&api, "ken@example.com").await;
    let add = async |many: usize| {
        let notes: Vec<Value> = (0..many).map(|n| json!({ "owner": ken.user_id, "n": n })).collect();
        call(&api, &ken.access_token, "insertMany", "notes", json!({ "documents": notes })).await.unwrap();
    };
    let replace = async || {
        let update = json!({ "owner": ken.user_id, "replaced": true });
        call(&api, &ken.access_token, "updateMany", "notes", json!({ "query": {}, "update": update })).await
    };
    let replaced = async || {
        let found = call(&api, &ken.access_token, "count", "notes", json!({ "query": { "replaced": true } })).await;
        found.unwrap()
    };
    add(1001).await;
    let refused = told(replace().await);
    assert_eq!(refused.code_name(), "ReadSizeLimitExceeded");
    assert!(refused.message.contains("more than 1000 documents"), "{}", refused.message);
    assert_eq!(replaced().await, Bson::Int64(0));
    call(&api, &ken.access_token, "deleteOne", "notes", json!({ "query": {} })).await.unwrap();
    let done = replace().await.unwrap();
    assert_eq!(done.as_document().unwrap().get("matchedCount"), Some(&Bson::Int32(1000)));
    assert_eq!(replaced().await, Bson::Int64(1000));
}
