//! The profiles of users, as clients read them.

use serde_json::{Value, json};

use crate::shop::{SHOP, Shop, token};

/// Clients expect strings, whatever the types of the claims in the third-party token.
#[tokio::test]
async fn a_profile_has_claims_of_every_type_as_strings() {
    let shop = Shop::new().await;
    for (claim, expected) in [
        (json!("blue"), json!({ "team": "blue" })),
        (json!(""), json!({ "team": "" })),
        (json!(7), json!({ "team": "7" })),
        (json!(5_000_000_000_i64), json!({ "team": "5000000000" })),
        (json!(1.5), json!({ "team": "1.5" })),
        (json!(true), json!({ "team": "true" })),
        (json!(["blue", 7]), json!({ "team": r#"["blue",7]"# })),
        (json!({ "name": "blue", "size": 7 }), json!({ "team": r#"{"name":"blue","size":7}"# })),
        (Value::Null, json!({})),
    ] {
        let payload = json!({ "token": token(&json!({ "sub": "ada", "team": claim })) }).to_string();
        let login = shop.ask("POST", &format!("{SHOP}/auth/providers/custom-token/login"), &[], &payload).await.good();
        let bearer = format!("Bearer {}", login["access_token"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        let profile = shop.ask("GET", "/api/client/v2.0/auth/profile", &headers, "").await.good();
        assert_eq!(profile["data"], expected, "{claim}");
    }
}
