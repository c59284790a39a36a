//! Clock skew: how far the times in a token may be off.

use std::time::Duration;

use portcullis::text::Code as _;
use serde_json::{Value, json};

use portcullis_testkit::keys::{SECRET, hs256, now, provider, sign};

const NOW: i64 = 1_795_435_200;

async fn verdict(leeway: u64, times: Value) -> Result<(), &'static str> {
    let mut claims = json!({ "sub": "ken", "aud": "employees-abcde", "exp": NOW + 3600 });
    claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    let token = sign(r#"{"alg":"HS256"}"#, &claims.to_string(), &hs256(&SECRET));
    let provider = provider(r#"{ "type": "custom-token", "secret_config": { "signingKeys": ["key"] } }"#);
    let provider = provider.with_leeway(Duration::from_secs(leeway));
    provider.verify(&token, now()).await.map(drop).map_err(|error| error.code())
}

#[tokio::test]
async fn without_leeway_one_second_is_too_late() {
    assert_eq!(verdict(0, json!({ "exp": NOW + 1 })).await, Ok(()));
    assert_eq!(verdict(0, json!({ "exp": NOW })).await, Err("token-expired"));
    assert_eq!(verdict(0, json!({ "nbf": NOW })).await, Ok(()));
    assert_eq!(verdict(0, json!({ "nbf": NOW + 1 })).await, Err("token-not-yet-valid"));
    assert_eq!(verdict(0, json!({ "iat": NOW + 1 })).await, Err("token-issued-in-future"));
}

#[tokio::test]
async fn leeway_extends_both_ends_of_the_validity() {
    assert_eq!(verdict(60, json!({ "exp": NOW - 59 })).await, Ok(()));
    assert_eq!(verdict(60, json!({ "exp": NOW - 60 })).await, Err("token-expired"));
    assert_eq!(verdict(60, json!({ "nbf": NOW + 60, "iat": NOW + 60 })).await, Ok(()));
    assert_eq!(verdict(60, json!({ "nbf": NOW + 61 })).await, Err("token-not-yet-valid"));
    assert_eq!(verdict(60, json!({ "iat": NOW + 61 })).await, Err("token-issued-in-future"));
    assert_eq!(verdict(u64::MAX, json!({ "exp": 0, "nbf": NOW * 2 })).await, Ok(()));
}
