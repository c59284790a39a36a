//! Whatever a client sends, the server answers with a reply that clients can read, and never with a failure of its own.
//!
//! The first byte of the input selects the route, the second the token; the rest is the body, or the query of a stream.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use portcullis::App;
use portcullis::app::Secrets;
use portcullis_server::{AccessKey, Options, State, app};
use portcullis_service::Places;
use portcullis_service::client::{Host, MailSettings, Served, StorePlace};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const APP: &str = "/api/client/v2.0/app/notes-abcde";
const AUTH: &str = "/api/client/v2.0/auth";
const KEY: &str = "a key of at least thirty-two bytes";

const ROUTES: [(&str, &str, &str); 16] = [
    ("POST", APP, "/auth/providers/anon-user/login"),
    ("POST", APP, "/auth/providers/local-userpass/login"),
    ("POST", APP, "/auth/providers/api-key/login"),
    ("POST", APP, "/auth/providers/api-key/login?link=true"),
    ("POST", APP, "/auth/providers/local-userpass/register"),
    ("POST", APP, "/auth/providers/local-userpass/confirm"),
    ("POST", APP, "/auth/providers/local-userpass/reset"),
    ("POST", APP, "/auth/providers/local-userpass/reset/call"),
    ("POST", APP, "/functions/call"),
    ("GET", APP, "/functions/call?"),
    ("POST", AUTH, "/session"),
    ("POST", AUTH, "/api_keys"),
    ("GET", AUTH, "/api_keys/"),
    ("POST", "", "/access/v1/evaluation"),
    ("POST", "", "/access/v1/evaluations"),
    ("POST", "", "/access/v1/search/resource"),
];

struct Server {
    runtime: Runtime,
    app: Router,
    tokens: [String; 4],
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let state = std::env::temp_dir().join(format!("portcullis-fuzz-{}", bson::oid::ObjectId::new().to_hex()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/served/notes");
    let served = Served { app: Arc::new(App::load(folder).unwrap()), secrets: Secrets::default() };
    let mail = MailSettings::to_folder(state.join("mail")).unwrap();
    let opened = runtime.block_on(Host::open(Places::in_directory(&state), &StorePlace::Directory, mail));
    let applications = opened.unwrap().0.applications(vec![served]).unwrap();
    let access_keys = vec![AccessKey::new("notes-abcde", KEY)];
    let app = app(State::new(applications, Options { access_keys, ..Options::default() }));
    let login = Request::post(format!("{APP}/auth/providers/anon-user/login")).body(Body::empty()).unwrap();
    let (_, body) = answer(&runtime, &app, login);
    let reply: Value = serde_json::from_slice(&body).unwrap();
    let token = |name: &str| reply[name].as_str().unwrap().to_owned();
    let tokens = [token("access_token"), token("refresh_token"), KEY.to_owned(), String::new()];
    Server { runtime, app, tokens }
});

fn answer(runtime: &Runtime, app: &Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    runtime.block_on(async {
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        // A stream has no end.
        if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            return (status, Vec::new());
        }
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    })
}

fuzz_target!(|input: &[u8]| {
    let [route, token, rest @ ..] = input else { return };
    let server = &*SERVER;
    let (method, at, path) = ROUTES[usize::from(*route) % ROUTES.len()];
    let token = &server.tokens[usize::from(*token) % server.tokens.len()];
    let mut request = Request::builder().method(method);
    let body = if method == "GET" {
        let query: String = rest.iter().map(|byte| format!("%{byte:02x}")).collect();
        let query = if path.ends_with('?') { format!("baas_request={query}") } else { query };
        request = request.uri(format!("{at}{path}{query}"));
        Body::empty()
    } else {
        request = request.uri(format!("{at}{path}"));
        Body::from(rest.to_vec())
    };
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let (status, body) = answer(&server.runtime, &server.app, request.body(body).unwrap());
    assert!(!status.is_server_error(), "{status}: {}", String::from_utf8_lossy(&body));
    if !body.is_empty() {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(status.is_success(), body.get("error").is_none(), "{body}");
    }
});
