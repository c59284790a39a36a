//! Functions whose `can_evaluate` calls other functions.

use serde_json::{Value, json};

use crate::shop::{Changes, SHOP, Shop};

fn functions() -> Changes {
    let asks = |name: &str| json!({ "%%true": { "%function": { "name": name, "arguments": ["%%user.id"] } } });
    let manifest = json!([
        { "name": "open", "can_evaluate": asks("yes") },
        { "name": "closed", "can_evaluate": asks("no") },
        { "name": "circle", "can_evaluate": asks("circle") },
        { "name": "outer" },
        { "name": "yes", "private": true },
        { "name": "no", "private": true },
    ]);
    Changes::default()
        .file("functions/config.json", &manifest)
        .file("http_endpoints/config.json", &json!([]))
        .text("functions/open.js", "exports = () => 'in';")
        .text("functions/closed.js", "exports = () => 'in';")
        .text("functions/circle.js", "exports = () => true;")
        .text("functions/outer.js", "exports = name => context.functions.execute(name);")
        .text("functions/yes.js", "exports = async id => id === context.user.id;")
        .text("functions/no.js", "exports = async () => false;")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_may_call_functions() {
    let shop = Shop::with(functions()).await;
    let (_, access) = shop.somebody("ada@example.com").await;
    let bearer = format!("Bearer {access}");
    let call = async |name: &str, arguments: Value| {
        let body = json!({ "name": name, "arguments": arguments }).to_string();
        shop.ask("POST", &format!("{SHOP}/functions/call"), &[("authorization", bearer.as_str())], &body).await
    };
    assert_eq!(call("open", json!([])).await.good(), json!("in"));
    assert_eq!(call("outer", json!(["open"])).await.good(), json!("in"));
    for name in ["closed", "circle"] {
        let refused = format!("rule not matched for function \"{name}\"");
        assert_eq!(call(name, json!([])).await.failure().2, refused);
        assert_eq!(call("outer", json!([name])).await.failure().2, format!("Error: {refused}"));
    }
}
