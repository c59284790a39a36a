//! How function calls end: by returning, at their time limit, or after their client has disconnected.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::shop::{Changes, ENDPOINT, SHOP, Shop};

/// Longer than any operation takes unless it hangs.
const LONG: Duration = Duration::from_secs(60);

/// The application with the function `f`, which an endpoint, a webhook and clients can call.
fn with(source: &str) -> Changes {
    let endpoint = json!({
        "route": "/f", "http_method": "POST", "function_name": "f", "validation_method": "NO_VALIDATION", "respond_result": true,
    });
    let functions = json!([{ "name": "f", "run_as_system": true }, { "name": "count", "run_as_system": true }]);
    let count = "exports = id => context.services.get('mongodb-atlas').db('shop').collection('steps').count({ id });";
    Changes::default()
        .file("functions/config.json", &functions)
        .file("http_endpoints/config.json", &json!([endpoint]))
        .file("services/door/config.json", &json!({ "name": "door", "type": "http" }))
        .file(
            "services/door/incoming_webhooks/f/config.json",
            &json!({ "name": "f", "respond_result": true, "options": { "httpMethod": "POST" } }),
        )
        .text("services/door/incoming_webhooks/f/source.js", source)
        .text("functions/f.js", source)
        .text("functions/count.js", count)
}

fn call(access: &str, name: &str, arguments: &Value) -> Request<Body> {
    let body = json!({ "name": name, "arguments": arguments }).to_string();
    let request = Request::post(format!("{SHOP}/functions/call")).header("authorization", format!("Bearer {access}"));
    request.body(Body::from(body)).unwrap()
}

/// Calls `f` in every way available to clients.
fn calls(access: &str) -> Vec<(&'static str, Request<Body>)> {
    let post = |path: String| Request::post(path).body(Body::empty()).unwrap();
    vec![
        ("a client", call(access, "f", &json!([]))),
        ("an endpoint", post(format!("{ENDPOINT}/f"))),
        ("a webhook", post(format!("{SHOP}/service/door/incoming_webhook/f"))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_times_out_gets_an_error() {
    let shop = Shop::with(with("exports = () => { while (true); };").time(Duration::from_millis(200))).await;
    let (_, access) = shop.somebody("ada@example.com").await;
    for (who, request) in calls(&access) {
        let told = (400, "ExecutionTimeLimitExceeded".to_owned(), "execution time limit exceeded".to_owned());
        assert_eq!(shop.send(request).await.failure(), told, "{who}");
    }
    assert_eq!(shop.logged().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_continues_after_the_client_hangs_up() {
    let source = "exports = async () => {
        const steps = context.services.get('mongodb-atlas').db('shop').collection('steps');
        await steps.insertOne({ id: 'first' });
        await new Promise(resolve => setTimeout(resolve, 100));
        await steps.insertOne({ id: 'second' });
    };";
    for which in 0..calls("").len() {
        let shop = Shop::with(with(source)).await;
        let (_, access) = shop.somebody("ada@example.com").await;
        let (who, request) = calls(&access).remove(which);
        let has = async |step: &str| {
            let counted = shop.send(call(&access, "count", &json!([step]))).await.good();
            counted["$numberLong"].as_str().or(counted["$numberInt"].as_str()).unwrap() == "1"
        };
        let mut answer = Box::pin(shop.send(request));
        let begun = async { while !has("first").await {} };
        tokio::select! {
            biased;
            () = begun => {}
            _ = &mut answer => panic!("{who}: the call ended too early"),
        }
        drop(answer);
        let done = async {
            let is_of_f = |call: &Value| call["function"] != "count";
            while !has("second").await || !shop.logged().iter().any(is_of_f) {}
        };
        tokio::time::timeout(LONG, done).await.unwrap_or_else(|_| panic!("{who}: the call was abandoned"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_content_response_has_no_body() {
    let source = "exports = ({ query }, response) => { response.setStatusCode(Number(query.status)); response.setBody('text'); };";
    let shop = Shop::with(with(source)).await;
    for status in [204, 304] {
        let answer = shop.ask("POST", &format!("{ENDPOINT}/f?status={status}"), &[], "").await;
        assert_eq!((answer.status, answer.text.as_str(), answer.headers.get("content-length")), (status, "", None));
    }
}
