//! `fixtures/served/odd_values.json`: whatever a client sends, the response is never an internal error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_server::{AccessKey, Options};
use serde_json::{Value, json};

use crate::shop::{ACTIONS, Changes, SHOP, Shop, token};

const KEY: &str = "a key of at least thirty-two bytes";

/// Reads the fixture, and expands its placeholders for a long and a deeply nested value.
fn fixture() -> Value {
    let path = portcullis_testkit::root().join("fixtures/served/odd_values.json");
    let mut fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for value in fixture["values"].as_array_mut().unwrap() {
        match value.as_str() {
            Some("<long>") => *value = json!("long ".repeat(4000)),
            Some("<deep>") => *value = serde_json::from_str(&("[".repeat(110) + &"]".repeat(110))).unwrap(),
            _ => {}
        }
    }
    fixture
}

/// Fills a value into the placeholders of a template.
fn filled(template: &Value, value: &Value, user: &str) -> Value {
    match template {
        Value::String(text) if text == "VALUE" => value.clone(),
        Value::String(text) if text == "USER" => json!(user),
        Value::Array(parts) => parts.iter().map(|part| filled(part, value, user)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, part)| (key.clone(), filled(part, value, user)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn no_client_value_causes_a_server_error() {
    let fixture = fixture();
    let access_keys = vec![AccessKey::new("shop-abcde", KEY)];
    let shop = Shop::open(Changes::default(), Options { access_keys, ..Options::default() }).await;
    shop.register("ken@example.com").await;
    let payload = json!({ "username": "ken@example.com", "password": "password" }).to_string();
    let login = shop.ask("POST", &format!("{SHOP}/auth/providers/local-userpass/login"), &[], &payload).await.good();
    let text = |name: &str| login[name].as_str().unwrap().to_owned();
    let user = text("user_id");
    let authorization = |who: &str| match who {
        "access" => Some(format!("Bearer {}", text("access_token"))),
        "refresh" => Some(format!("Bearer {}", text("refresh_token"))),
        "key" => Some(format!("Bearer {KEY}")),
        _ => None,
    };
    let (mut asked, mut answered, mut failed) = (0, 0, Vec::new());
    for request in fixture["requests"].as_array().unwrap() {
        let path = request["path"].as_str().unwrap();
        let path = path.replace("LOGIN", &format!("{SHOP}/auth/providers")).replace("DATA", ACTIONS);
        let who = authorization(request["as"].as_str().unwrap_or("nobody"));
        let headers: Vec<(&str, &str)> = who.iter().map(|who| ("authorization", who.as_str())).collect();
        for value in fixture["values"].as_array().unwrap() {
            let body = filled(&request["body"], value, &user).to_string();
            let status = match path.as_str() {
                "WATCH" => {
                    let call = STANDARD.encode(&body).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                    shop.status("GET", &format!("{SHOP}/functions/call?baas_request={call}"), &headers, "").await
                }
                "CALL" => shop.status("POST", &format!("{SHOP}/functions/call"), &headers, &body).await,
                path => shop.status("POST", path, &headers, &body).await,
            };
            if status >= 500 {
                failed.push(format!("{status}: {path} {body:.2000}"));
            }
            asked += 1;
            answered += usize::from(status < 300);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(answered > asked / 20, "{answered} of {asked} were questions that have answers");
}

#[tokio::test]
async fn no_third_party_claim_causes_a_server_error() {
    let fixture = fixture();
    let shop = Shop::new().await;
    let path = format!("{SHOP}/auth/providers/custom-token/login");
    let (mut refused, mut accepted) = (0, 0);
    for claims in fixture["claims"].as_array().unwrap() {
        for value in fixture["values"].as_array().unwrap() {
            let mut claims = filled(claims, value, "");
            claims.as_object_mut().unwrap().entry("sub").or_insert_with(|| json!("ada"));
            let token = token(&claims);
            let status = shop.status("POST", &path, &[], &json!({ "token": token }).to_string()).await;
            assert!(matches!(status, 200 | 401), "{status}: {claims}");
            *(if status == 200 { &mut accepted } else { &mut refused }) += 1;
            let status = shop.status("GET", "/app/shop-abcde/endpoint/me", &[("jwtTokenString", &token)], "").await;
            assert!(matches!(status, 200 | 401), "{status}: {claims}");
        }
    }
    assert!(refused > 100 && accepted > 100, "{refused} refused, {accepted} accepted");
    for value in
        [json!({ "$oid": "x" }), json!({ "$oid": "650000000000000000000001" }), json!({ "a": [{ "$date": 1 }] })]
    {
        let token = token(&json!({ "sub": "eve", "team": value }));
        let reply = shop.ask("POST", &path, &[], &json!({ "token": token }).to_string()).await;
        assert_eq!(reply.failure(), (401, "AuthError".to_owned(), "unauthorized".to_owned()), "{value}");
    }
}
