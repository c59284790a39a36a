//! Secrets and signatures of requests.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::shop::{ACTIONS, Changes, Shop, signature};

const BODY: &str = "{ \"dataSource\": \"mongodb-atlas\",  \"database\": \"shop\", \"collection\": \"orders\" }\n";

async fn shop(method: &str, secret: Option<&'static str>) -> Shop {
    let settings = json!({ "validation_method": method, "secret_name": "hook", "run_as_system": true });
    let changes = Changes::data_api(&settings);
    Shop::with(match secret {
        Some(secret) => changes.secret("hook", secret),
        None => changes,
    })
    .await
}

async fn find(shop: &Shop, query: &str, headers: &[(&str, &str)]) -> u16 {
    shop.ask("POST", &format!("{ACTIONS}/find{query}"), headers, BODY).await.status
}

#[tokio::test]
async fn a_secret_in_the_query_must_appear_exactly_once() {
    let shop = shop("SECRET_AS_QUERY_PARAM", Some("hunter 2&")).await;
    for query in ["?secret=hunter%202%26", "?secret=hunter+2%26", "?a=1&%73ecret=hunter%202%26"] {
        assert_eq!(find(&shop, query, &[]).await, 200, "{query}");
    }
    for query in
        ["", "?", "?secret", "?secret=", "?secret=hunter", "?Secret=hunter%202%26", "?secret=hunter%202%26&secret=x"]
    {
        let answer = shop.ask("POST", &format!("{ACTIONS}/find{query}"), &[("secret", "hunter 2&")], BODY).await;
        assert_eq!(answer.failure(), (401, "AuthError".to_owned(), "unauthorized".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_signature_covers_the_body_as_received() {
    let shop = shop("VERIFY_PAYLOAD", Some("hunter2")).await;
    let good = signature("hunter2", BODY);
    assert_eq!(find(&shop, "", &[("Endpoint-Signature", &good)]).await, 200);
    assert_eq!(find(&shop, "", &[("endpoint-signature", &good.replace("sha256=", "SHA256="))]).await, 401);
    let same = serde_json::from_str::<Value>(BODY).unwrap().to_string();
    for forged in [
        String::new(),
        "sha256=".to_owned(),
        format!("sha256={}", "0".repeat(64)),
        good.replace("sha256=", ""),
        good.replace("sha256=", "sha1="),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        signature("hunter", BODY),
        signature("", BODY),
        signature("hunter2", BODY.trim_end()),
        signature("hunter2", &same),
        signature("hunter2", ""),
        "sha256=\u{e9}".to_owned() + &"0".repeat(62),
    ] {
        let request = Request::post(format!("{ACTIONS}/find"))
            .header("Endpoint-Signature", axum::http::HeaderValue::from_bytes(forged.as_bytes()).unwrap());
        let answer = shop.send(request.body(Body::from(BODY)).unwrap()).await;
        assert_eq!(answer.status, 401, "{forged}");
    }
    assert_eq!(find(&shop, "?secret=hunter2", &[]).await, 401);
    assert_eq!(find(&shop, "", &[("X-Hook-Signature", &good)]).await, 401);
    assert_eq!(find(&shop, "", &[("Endpoint-Signature", &good), ("Endpoint-Signature", &good)]).await, 401);
}

#[tokio::test]
async fn a_missing_or_empty_secret_refuses_all_requests() {
    for (method, headers, query) in [
        ("SECRET_AS_QUERY_PARAM", vec![], "?secret="),
        ("VERIFY_PAYLOAD", vec![("Endpoint-Signature", signature("", BODY))], ""),
    ] {
        for secret in [None, Some("")] {
            let shop = shop(method, secret).await;
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(find(&shop, query, &headers).await, 401, "{method} {secret:?}");
            assert_eq!(find(&shop, "", &[]).await, 401);
            assert!(!shop.served.contains(&"the Data API".to_owned()));
            let reason = "the secret `hook` was not supplied, or is empty".to_owned();
            assert_eq!(shop.refused[0], ("the Data API".to_owned(), reason));
        }
    }
}

#[tokio::test]
async fn settings_that_do_not_load_refuse_all_requests() {
    for (settings, expected) in [
        // It is unknown what callers would have to prove.
        (json!({ "validation_method": "VERIFY_PAYLOAD", "secret_name": "" }), 401),
        (json!({ "validation_method": "SECRET_AS_QUERY_PARAM", "secret_name": null }), 401),
        (json!({ "validation_method": "SECRET" }), 401),
        (json!({ "validation_method": 1 }), 401),
        (json!({ "validation_method": "", "secret_name": "hook" }), 401),
        (json!({ "verification_method": "VERIFY_PAYLOAD" }), 401),
        (json!({ "canEvaluate": { "%%true": false } }), 401),
        // The condition does not hold for anybody.
        (json!({ "can_evaluate": { "%%user.id": { "%what": 1 } } }), 400),
        (json!({ "can_evaluate": null }), 400),
        // As if there was no Data API.
        (json!({ "run_as_user_id": "a", "run_as_user_id_script_source": "exports = () => 'a'" }), 404),
        (json!({ "run_as_system": "yes" }), 404),
        (json!({ "disabled": "yes" }), 404),
        (json!({ "versions": ["v2"] }), 404),
        (json!({ "return_type": "XML" }), 404),
    ] {
        let with_system = match settings.get("run_as_system") {
            Some(_) => settings.clone(),
            None => {
                let mut all = settings.clone();
                all["run_as_system"] = json!(settings.get("run_as_user_id_script_source").is_none());
                all
            }
        };
        let shop = Shop::with(Changes::data_api(&with_system).secret("hook", "hunter2")).await;
        let status = find(&shop, "", &[]).await;
        assert_eq!(status, expected, "{settings}");
    }
    for (settings, status) in [(json!({ "disabled": true }), 404), (json!({ "versions": ["beta"] }), 404)] {
        let shop = Shop::with(Changes::data_api(&settings)).await;
        assert_eq!(find(&shop, "", &[]).await, status);
    }
    let twice = Changes::default()
        .file("https_endpoints/data_api_config.json", &json!({ "versions": ["v1"], "run_as_system": true }));
    assert_eq!(find(&Shop::with(twice).await, "", &[]).await, 404);
    let broken = Changes::default().text("http_endpoints/data_api_config.json", "{");
    assert_eq!(find(&Shop::with(broken).await, "", &[]).await, 404);
}

#[tokio::test]
async fn origins_that_are_not_allowed_are_refused() {
    let shop = Shop::with(Changes::data_api(&json!({ "run_as_system": true }))).await;
    assert_eq!(find(&shop, "", &[("Origin", "https://shop.example")]).await, 200);
    assert_eq!(find(&shop, "", &[("Origin", "https://evil.example")]).await, 403);
    let path = ACTIONS.replace("shop-abcde", "shop%2Dabcde") + "/find";
    assert_eq!(shop.ask("POST", &path, &[("Origin", "https://evil.example")], BODY).await.status, 403);
}
