//! Incoming webhooks of older applications.

use serde_json::json;

use crate::shop::{Answer, SHOP, Shop, signature};

const EMAIL: &str = "ken@example.com";

async fn ask(shop: &Shop, method: &str, webhook: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (service, name) = webhook.split_once('/').unwrap();
    shop.ask(method, &format!("{SHOP}/service/{service}/incoming_webhook/{name}"), headers, body).await
}

#[tokio::test]
async fn webhooks_run_as_the_system_and_verify_signatures() {
    let shop = Shop::new().await;
    let (ken, _) = shop.somebody(EMAIL).await;
    let by_password = [("email", EMAIL), ("password", "password")];
    shop.act(&by_password, "insertOne", "orders", json!({ "document": { "customer": ken } })).await.good();
    let body = "{ \"text\": \"hello\" }";
    let good = signature("an old secret", body);
    let answer = ask(&shop, "POST", "hooks/old", &[("X-Hook-Signature", &good)], body).await.good();
    assert_eq!(answer, json!({ "body": body, "orders": 1, "type": "system" }));
    let refused = (401, "IncomingWebhookAuthFailed".to_owned(), "unauthorized".to_owned());
    for headers in [
        vec![],
        vec![("X-Hook-Signature", signature("", body))],
        vec![("X-Hook-Signature", signature("an old secret", ""))],
        vec![("Endpoint-Signature", good.clone())],
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(ask(&shop, "POST", "hooks/old", &headers, body).await.failure(), refused, "{headers:?}");
    }
    assert_eq!(ask(&shop, "GET", "hooks/old", &[("X-Hook-Signature", &good)], body).await.status, 405);
}

#[tokio::test]
async fn a_modified_webhook_response_has_only_what_was_set() {
    let shop = Shop::new().await;
    let answer = ask(&shop, "POST", "hooks/older?secret=an+old+secret&a=1", &[], "").await.good();
    let url = "/service/hooks/incoming_webhook/older";
    assert_eq!(answer, json!({ "secret": true, "url": url, "query": "?a=1" }));
    let touched = ask(&shop, "POST", "hooks/older?secret=an+old+secret&touched=1", &[], "").await;
    assert_eq!((touched.status, touched.text.as_str()), (202, ""));
    assert_eq!(ask(&shop, "POST", "hooks/older?secret=another", &[], "").await.status, 401);
    assert_eq!(ask(&shop, "POST", "hooks/older", &[], "").await.status, 401);
    assert_eq!(ask(&shop, "GET", "hooks/older?secret=an+old+secret", &[], "").await.status, 405);
}

#[tokio::test]
async fn webhook_credentials_are_in_the_headers_or_the_body() {
    let shop = Shop::new().await;
    let (ken, access) = shop.somebody(EMAIL).await;
    let in_body = json!({ "email": EMAIL, "password": "password", "text": "hello" }).to_string();
    let bearer = format!("Bearer {access}");
    let expected = json!({ "id": ken, "orders": 0 });
    for (headers, body) in [
        (vec![("email", EMAIL), ("password", "password")], ""),
        (vec![("Authorization", bearer.as_str())], "{\"text\": 1}"),
        (vec![], in_body.as_str()),
    ] {
        for method in ["POST", "PUT"] {
            assert_eq!(ask(&shop, method, "hooks/authed", &headers, body).await.good(), expected, "{headers:?} {body}");
        }
    }
    let both = ask(&shop, "POST", "hooks/authed", &[("Authorization", &bearer)], &in_body).await.failure();
    assert_eq!((both.0, both.1.as_str()), (400, "InvalidParameter"));
    for body in ["", "[]", "{\"email\": \"ken@example.com\"}", "{\"email\": 1, \"password\": 2}"] {
        let answer = ask(&shop, "POST", "hooks/authed", &[], body).await.failure();
        assert_eq!((answer.0, answer.1.as_str()), (400, "MissingParameter"), "{body}");
    }
    let wrong = json!({ "apiKey": "x" }).to_string();
    assert_eq!(ask(&shop, "POST", "hooks/authed", &[], &wrong).await.status, 401);
}

#[tokio::test]
async fn webhooks_are_found_in_all_layouts_and_nowhere_else() {
    let shop = Shop::new().await;
    for name in ["nested", "flat"] {
        let answer = ask(&shop, "GET", &format!("middle/{name}"), &[], "").await;
        assert_eq!(answer.good(), json!(name));
    }
    for webhook in ["hooks/nested", "middle/nothing", "nothing/old", "middle/incoming_webhooks"] {
        let (status, code, _) = ask(&shop, "GET", webhook, &[], "").await.failure();
        assert_eq!((status, code.as_str()), (404, "IncomingWebhookNotFound"), "{webhook}");
    }
    // Webhooks of services that parse payloads are refused.
    let refused = ask(&shop, "POST", "code/push", &[], "").await.failure();
    assert_eq!((refused.0, refused.1.as_str()), (404, "IncomingWebhookNotFound"));
    let reason = shop.refused.iter().find(|(name, _)| name == "webhook code/push").map(|(_, reason)| reason.as_str());
    assert_eq!(reason, Some("webhooks of `github` services get a parsed payload, which is not supported"));
    let (_, access) = shop.somebody(EMAIL).await;
    for name in ["webhook:middle/flat", "middle/flat", "flat"] {
        let body = json!({ "name": name, "arguments": [] }).to_string();
        let bearer = format!("Bearer {access}");
        let path = format!("{SHOP}/functions/call");
        let answer = shop.ask("POST", &path, &[("Authorization", &bearer)], &body).await;
        assert_eq!(answer.failure().1, "FunctionNotFound", "{name}");
    }
}
