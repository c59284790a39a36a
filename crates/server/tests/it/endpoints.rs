//! HTTPS endpoints: authentication, what functions see, and how their results become responses.

use serde_json::{Value, json};

use crate::shop::{Changes, ENDPOINT, Shop, signature, token};

const EMAIL: &str = "ken@example.com";
const KEN: [(&str, &str); 2] = [("email", EMAIL), ("password", "password")];

async fn get(shop: &Shop, route: &str, headers: &[(&str, &str)]) -> crate::shop::Answer {
    shop.ask("GET", &format!("{ENDPOINT}{route}"), headers, "").await
}

async fn with_secret() -> Shop {
    Shop::with(Changes::default().secret("hook", "hunter2")).await
}

#[tokio::test]
async fn functions_receive_the_request_unchanged() {
    let shop = Shop::new().await;
    let body = "{ \"a\" :  1 }\n";
    let headers =
        [("x-slack-signature", "v0=1"), ("X-List", "a"), ("x-list", "b"), ("user-agent", "test"), ("Referer", "r")];
    let path = format!("{ENDPOINT}/echo?a=1&a=2&b=%C3%A9+x&secret=mine");
    let seen = shop.ask("POST", &path, &headers, body).await.good();
    // Unless the endpoint validates a secret, a parameter of this name belongs to the function.
    assert_eq!(seen["query"], json!({ "a": "1", "b": "é x", "secret": "mine" }));
    assert_eq!(seen["body"], body);
    assert_eq!(seen["headers"]["X-Slack-Signature"], json!(["v0=1"]));
    assert_eq!(seen["headers"]["X-List"], json!(["a", "b"]));
    assert_eq!(seen["user"], json!({ "type": "system", "id": null, "data": {} }));
    assert_eq!(seen["system"], true);
    let request = &seen["seen"];
    assert_eq!(request["httpMethod"], "POST");
    assert_eq!(request["webhookUrl"], "/echo");
    assert_eq!(request["rawQueryString"], "?a=1&a=2&b=%C3%A9+x");
    assert_eq!((&request["httpUserAgent"], &request["httpReferrer"]), (&json!("test"), &json!("r")));
    assert_eq!(request["requestHeaders"]["X-List"], json!(["a", "b"]));
    let seen = shop.ask("GET", &format!("{ENDPOINT}/echo"), &[], "").await.good();
    assert_eq!((&seen["body"], &seen["seen"]["rawQueryString"]), (&Value::Null, &json!("")));
}

#[tokio::test]
async fn routes_are_distinguished_by_path_and_method() {
    let shop = Shop::new().await;
    for (method, route, status) in [
        ("GET", "/echo", 200),
        ("POST", "/echo", 200),
        ("DELETE", "/echo", 405),
        ("HEAD", "/echo", 405),
        ("GET", "/any", 200),
        ("PATCH", "/any", 200),
        ("DELETE", "/any", 200),
        ("GET", "/nested/deep/path", 200),
        ("GET", "/nested/deep%2Fpath", 200),
        ("GET", "/nested/deep", 404),
        ("GET", "/nested/deep/path/", 404),
        ("GET", "//nested/deep/path", 404),
        ("GET", "/ECHO", 404),
        ("GET", "/", 200),
        ("GET", "", 200),
        ("POST", "/", 405),
        ("GET", "/off", 404),
        ("GET", "/data/v1/action/find", 405),
        // Two endpoints have this route, so it is ambiguous which one a caller would reach.
        ("GET", "/twice", 404),
        ("POST", "/twice", 200),
        ("GET", "/lost", 404),
        // It is unknown what callers would have to prove.
        ("GET", "/wrong", 401),
    ] {
        let answer = shop.ask(method, &format!("{ENDPOINT}{route}"), &[], "").await;
        assert_eq!(answer.status, status, "{method} {route}: {answer:?}");
    }
    let put = shop.ask("PUT", &format!("{ENDPOINT}/any"), &[], "").await.good();
    assert!(put.get("decimal").is_some(), "the named method counts before all: {put}");
    let unknown = shop.ask("GET", "/app/nobody/endpoint/echo", &[], "").await;
    assert_eq!(unknown.failure().2, "cannot find app using Client App ID 'nobody'");
    let names: Vec<&str> = shop.refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["POST /secret", "POST /signed", "GET /twice", "GET /lost", "GET /wrong", "webhook code/push"],
        "{:?}",
        shop.refused
    );
}

#[tokio::test]
async fn results_have_the_requested_format() {
    let shop = Shop::new().await;
    let plain = json!({
        "id": "0123456789abcdef01234567", "date": "1970-01-01T00:00:00Z", "decimal": "1.50", "list": [1, 1.5, null, true]
    });
    let ejson = json!({
        "id": { "$oid": "0123456789abcdef01234567" },
        "date": { "$date": { "$numberLong": "0" } },
        "decimal": { "$numberDecimal": "1.50" },
        "list": [{ "$numberLong": "1" }, { "$numberDouble": "1.5" }, null, true],
    });
    for (route, accept, kind, expected) in [
        ("/", None, "application/json", &plain),
        ("/", Some("application/ejson"), "application/ejson", &ejson),
        ("/ejson", None, "application/ejson", &ejson),
        ("/ejson", Some("text/html"), "application/ejson", &ejson),
        ("/ejson", Some("application/json"), "application/json", &plain),
    ] {
        let headers: Vec<(&str, &str)> = accept.map(|accept| ("Accept", accept)).into_iter().collect();
        let answer = get(&shop, route, &headers).await;
        assert_eq!((answer.kind(), answer.good()), (kind, expected.clone()), "{route} {accept:?}");
    }
    let nothing = get(&shop, "/nothing", &[]).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (200, "null"));
}

#[tokio::test]
async fn a_function_can_set_status_headers_and_body() {
    let shop = Shop::new().await;
    for (route, status, kind, text) in [
        ("/own", 200, "application/json", "{\"seven\":7}"),
        ("/own?status=201", 201, "application/json", "{\"seven\":7}"),
        ("/own?status=404", 404, "application/json", "{\"seven\":7}"),
        ("/own?body=hello", 200, "", "hello"),
        ("/own?body=hello&type=text/plain", 200, "text/plain", "hello"),
        ("/own?type=text/plain", 200, "text/plain", "{\"seven\":7}"),
        ("/own?status=404&body=gone&type=text/plain", 404, "text/plain", "gone"),
        ("/own?status=503&body=%C3%A9", 503, "", "é"),
        ("/silent", 204, "", ""),
        ("/silent?status=202", 202, "", ""),
        ("/silent?body=hello", 200, "", "hello"),
    ] {
        let answer = get(&shop, route, &[]).await;
        assert_eq!((answer.status, answer.kind(), answer.text.as_str()), (status, kind, text), "{route}");
    }
    let answer = get(&shop, "/own?header=first&body=hello", &[]).await;
    let own: Vec<&str> = answer.headers.get_all("x-own").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!((own, answer.text.as_str()), (vec!["first", "second"], "hello"));
    // A header value can neither add another header nor end the head.
    for evil in ["a%0D%0AX-Evil:%201", "a%0AX-Evil:%201"] {
        let answer = get(&shop, &format!("/own?header={evil}"), &[]).await;
        assert!(answer.headers.get("x-evil").is_none(), "{answer:?}");
    }
    assert_eq!(get(&shop, "/own?status=100", &[]).await.status, 400);
}

#[tokio::test]
async fn a_function_without_run_as_runs_as_the_calling_user() {
    let shop = Shop::new().await;
    let (ken, access) = shop.somebody(EMAIL).await;
    let (eve, _) = shop.somebody("eve@example.com").await;
    for customer in [&ken, &eve] {
        let document = json!({ "_id": customer, "customer": customer });
        let headers: &[(&str, &str)] =
            if *customer == ken { &KEN } else { &[("email", "eve@example.com"), ("password", "password")] };
        shop.act(headers, "insertOne", "orders", json!({ "document": document })).await.good();
    }
    let (bearer, lower) = (format!("Bearer {access}"), format!("bearer {access}"));
    for headers in [KEN.to_vec(), vec![("Authorization", bearer.as_str())], vec![("Authorization", lower.as_str())]] {
        let orders = get(&shop, "/orders", &headers).await.good();
        assert_eq!(orders, json!([{ "_id": ken, "customer": ken }]));
        assert_eq!(get(&shop, "/me", &headers).await.good()["id"], json!(ken));
    }
    assert_eq!(get(&shop, "/orders/all", &[]).await.good().as_array().unwrap().len(), 2);
    let text = "must specify some form of authentication (either email+password, api-key, or jwt) in the request header or body";
    assert_eq!(get(&shop, "/orders", &[]).await.failure(), (400, "MissingParameter".to_owned(), text.to_owned()));
    let refused = (401, "InvalidSession".to_owned(), "invalid session: error finding user for endpoint".to_owned());
    for headers in [
        vec![("Authorization", "Bearer x")],
        vec![("Authorization", "Bearer x"), KEN[0], KEN[1]],
        vec![("email", EMAIL), ("password", "wrong password")],
        vec![("apiKey", "x")],
    ] {
        assert_eq!(get(&shop, "/orders", &headers).await.failure(), refused, "{headers:?}");
        // If the function runs as the system, what is not an access token may be meant for the function itself.
        assert_eq!(get(&shop, "/orders/all", &headers).await.status, 200);
    }
    let server = get(&shop, "/me", &[("api-key", &shop.keys[0])]).await.good();
    assert_eq!((&server["type"], &server["data"]), (&json!("server"), &json!({ "name": "till" })));
    let newcomer = token(&json!({ "sub": "new", "team": "red" }));
    let headers = [("jwtTokenString", newcomer.as_str())];
    assert_eq!(get(&shop, "/me", &headers).await.failure(), refused);
    let made = get(&shop, "/me/new", &headers).await.good();
    assert_eq!(made["data"], json!({ "team": "red" }));
    assert_eq!(get(&shop, "/me", &headers).await.good()["id"], made["id"]);
    let renewed = token(&json!({ "sub": "new", "team": "blue" }));
    assert_eq!(get(&shop, "/me", &[("jwtTokenString", &renewed)]).await.good()["data"], json!({ "team": "blue" }));
    assert_eq!(get(&shop, "/nobody", &KEN).await.status, 400, "the user of the configuration is unknown");
}

/// The functions and endpoints `/system`, `/user` and `/script`, which differ in whom they run as.
fn run_as(user: &str) -> Changes {
    let script = "exports = ({ query }) => {
        if (query.as === 'error') throw Error('secret');
        return query.as === 'system' ? { runAsSystem: true } : query.as;
    };";
    let is_known = json!({ "%%user.type": "normal" });
    let functions = json!([
        { "name": "bySystem", "private": true, "run_as_system": true },
        { "name": "byUser", "private": true, "run_as_user_id": user, "can_evaluate": is_known },
        { "name": "byScript", "private": true, "run_as_user_id_script_source": script, "can_evaluate": is_known },
    ]);
    let endpoint = |route: &str, function: &str| {
        json!({
            "route": route, "http_method": "GET", "function_name": function, "validation_method": "NO_VALIDATION",
            "respond_result": true, "fetch_custom_user_data": false, "create_user_on_auth": false, "disabled": false
        })
    };
    let endpoints =
        json!([endpoint("/system", "bySystem"), endpoint("/user", "byUser"), endpoint("/script", "byScript")]);
    let source = "exports = async () => {
        const orders = context.services.get('mongodb-atlas').db('shop').collection('orders');
        const found = await orders.find({}).toArray();
        return [context.user.id ?? context.user.type, found.map(({ customer }) => customer).sort()];
    };";
    Changes::default()
        .file("functions/config.json", &functions)
        .file("http_endpoints/config.json", &endpoints)
        .text("functions/bySystem.js", source)
        .text("functions/byUser.js", source)
        .text("functions/byScript.js", source)
}

#[tokio::test]
async fn functions_see_the_caller_or_else_the_user_that_they_run_as() {
    let shop = Shop::new().await;
    let (ken, bearer) = shop.somebody(EMAIL).await;
    let (eve, _) = shop.somebody("eve@example.com").await;
    let eves = [("email", "eve@example.com"), ("password", "password")];
    shop.act(&KEN, "insertOne", "orders", json!({ "document": { "customer": ken } })).await.good();
    shop.act(&eves, "insertOne", "orders", json!({ "document": { "customer": eve } })).await.good();
    let mut all = [ken.as_str(), eve.as_str()];
    all.sort_unstable();
    let shop = shop.restarted(run_as(&eve)).await;
    let bearer = format!("Bearer {bearer}");
    let by_token = vec![("Authorization", bearer.as_str())];
    let as_eve = format!("/script?as={eve}");
    for (route, headers, seen, orders) in [
        ("/system", vec![], "system", all.as_slice()),
        ("/system", by_token.clone(), &ken, &all),
        ("/system", vec![("Authorization", "Bearer x")], "system", &all),
        ("/user", vec![], &eve, &[&eve]),
        ("/user", by_token.clone(), &ken, &[&eve]),
        ("/user", KEN.to_vec(), &ken, &[&eve]),
        (&as_eve, vec![], &eve, &[&eve]),
        (&as_eve, by_token.clone(), &ken, &[&eve]),
        ("/script?as=system", by_token.clone(), &ken, &all),
    ] {
        assert_eq!(get(&shop, route, &headers).await.good(), json!([seen, orders]), "{route} {headers:?}");
    }
    let refused = (401, "InvalidSession".to_owned(), "invalid session: error finding user for endpoint".to_owned());
    let unmet = (400, "FunctionExecutionError".to_owned(), "rule not matched for function \"byScript\"".to_owned());
    for (route, headers, error) in [
        ("/user", vec![("Authorization", "Bearer x")], &refused),
        ("/user", vec![KEN[0], ("password", "wrong password")], &refused),
        (&as_eve, vec![("Authorization", "Bearer x")], &refused),
        ("/script?as=nobody", vec![], &refused),
        ("/script", vec![], &refused),
        ("/script?as=error", vec![], &refused),
        // `can_evaluate` holds for users only.
        ("/script?as=system", vec![], &unmet),
    ] {
        assert_eq!(&get(&shop, route, &headers).await.failure(), error, "{route} {headers:?}");
    }
    let shop = shop.restarted(run_as("0123456789abcdef01234567")).await;
    assert_eq!(get(&shop, "/user", &[]).await.failure(), refused);
    assert_eq!(get(&shop, "/user", &by_token).await.status, 400, "the user of the configuration is unknown");
}

#[tokio::test]
async fn custom_data_is_available_only_where_it_is_fetched() {
    let system = Changes::data_api(&json!({ "run_as_system": true }));
    let shop = Shop::with(system).await;
    let (ken, _) = shop.somebody(EMAIL).await;
    let document = json!({ "_id": 1, "user_id": ken, "member": true });
    shop.act(&[], "insertOne", "people", json!({ "document": document })).await.good();
    assert_eq!(get(&shop, "/me", &KEN).await.good()["custom"]["member"], json!(true));
    assert_eq!(get(&shop, "/me/bare", &KEN).await.good()["custom"], json!({}));
}

#[tokio::test]
async fn can_evaluate_is_checked_before_the_function() {
    let shop = Shop::new().await;
    let inside = [("x-office", "yes")];
    let refused =
        |name: &str| (400, "FunctionExecutionError".to_owned(), format!("rule not matched for function \"{name}\""));
    assert_eq!(get(&shop, "/inside", &[]).await.failure(), refused("inside"));
    assert_eq!(get(&shop, "/inside", &inside).await.good(), json!("inside"));
    let path = format!("{ENDPOINT}/condition");
    assert_eq!(shop.ask("POST", &path, &[], "").await.failure(), refused("types"));
    assert_eq!(shop.ask("POST", &path, &inside, "").await.status, 200);
}

#[tokio::test]
async fn details_of_a_failed_function_are_not_revealed() {
    let shop = Shop::new().await;
    let answer = get(&shop, "/fail", &[]).await;
    assert_eq!(answer.failure(), (400, "FunctionExecutionError".to_owned(), "the function failed".to_owned()));
    assert!(!answer.text.contains("hunter2"));
    let shop = Shop::telling_errors().await;
    let (status, code, text) = get(&shop, "/fail", &[]).await.failure();
    assert_eq!((status, code.as_str()), (400, "FunctionExecutionError"));
    assert!(text.starts_with("Error: the password is hunter2 (functions/fail.js:2:"), "{text}");
}

#[tokio::test]
async fn secrets_and_signatures_authorize_endpoints() {
    let shop = with_secret().await;
    let body = "{\"a\":1}";
    let post = async |route: &str, headers: &[(&str, &str)]| {
        shop.ask("POST", &format!("{ENDPOINT}{route}"), headers, body).await
    };
    let seen = post("/secret?a=1&secret=hunter2&b=2", &[]).await.good();
    assert_eq!(seen["query"], json!({ "a": "1", "b": "2" }), "the secret is for nobody else");
    assert_eq!(seen["seen"]["rawQueryString"], "?a=1&b=2");
    let good = signature("hunter2", body);
    assert_eq!(post("/signed", &[("Endpoint-Signature", &good)]).await.good()["body"], body);
    let refused = (401, "AuthError".to_owned(), "unauthorized".to_owned());
    for (route, header) in [
        ("/secret", None),
        ("/secret?secret=hunter", None),
        ("/secret?secret=", None),
        ("/signed", None),
        ("/signed", Some(signature("hunter", body))),
        ("/signed", Some(signature("hunter2", "{\"a\": 1}"))),
    ] {
        let headers: Vec<(&str, &str)> =
            header.iter().map(|header: &String| ("Endpoint-Signature", header.as_str())).collect();
        assert_eq!(post(route, &headers).await.failure(), refused, "{route} {header:?}");
    }
    // The method is checked before the secret.
    assert_eq!(get(&shop, "/signed", &[]).await.status, 405);
    let shop = Shop::new().await;
    for (route, header) in [("/secret?secret=", String::new()), ("/signed", signature("", body))] {
        let path = format!("{ENDPOINT}{route}");
        assert_eq!(shop.ask("POST", &path, &[("Endpoint-Signature", &header)], body).await.status, 401);
    }
}

#[tokio::test]
async fn cors_and_body_limits_apply_to_endpoints() {
    let shop = Shop::new().await;
    let origin = |origin| [("Origin", origin)];
    assert_eq!(get(&shop, "/", &origin("https://shop.example")).await.status, 200);
    assert_eq!(get(&shop, "/", &origin("https://evil.example")).await.failure().1, "DomainNotAllowed");
    let path = format!("{ENDPOINT}/echo");
    let preflight = shop.ask("OPTIONS", &path, &origin("https://shop.example"), "").await;
    let methods = preflight.headers["access-control-allow-methods"].to_str().unwrap();
    assert_eq!((preflight.status, methods.contains("PATCH")), (204, true));
    let large = "x".repeat(18 * 1024 * 1024 + 1);
    assert_eq!(shop.ask("POST", &path, &[], &large).await.status, 413);
    let nearly = "x".repeat(18 * 1024 * 1024);
    let answer = shop.ask("POST", &path, &[("x-more", "x")], &nearly).await;
    assert_eq!((answer.status, answer.failure().1.as_str()), (400, "BadRequest"), "with the headers it is too large");
}
