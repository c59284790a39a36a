//! Clients that disconnect during a request that creates a user.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use portcullis::App;
use portcullis::app::Secrets;
use portcullis::store::{Account, AccountState};
use portcullis_service::Places;
use portcullis_service::client::{ClientApi, Host, MailSettings, Served, StorePlace};
use portcullis_testkit::keys::{hs256, sign};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Options, State, app};

const KEY: &str = "a key of thirty-two characters, or more";
const LOGIN: &str = "/api/client/v2.0/app/house-abcde/auth/providers";
const ENDPOINT: &str = "/app/house-abcde/endpoint";
const WEBHOOK: &str = "/api/client/v2.0/app/house-abcde/service/door/incoming_webhook/bell";

/// An application that calls a slow function when it creates a user.
struct House {
    state: State,
    api: Arc<ClientApi>,
    folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

impl House {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("portcullis-house-{}", bson::oid::ObjectId::new().to_hex()));
        let provider = |name: &str, more: &Value| {
            let mut provider = json!({ "name": name, "type": name, "disabled": false });
            provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            (name.to_owned(), provider)
        };
        let tokens = json!({
            "config": { "audience": ["house-abcde"], "signingAlgorithm": "HS256" },
            "secret_config": { "signingKeys": ["tokenKey"] },
        });
        let providers: serde_json::Map<String, Value> = [
            provider("anon-user", &json!({})),
            provider("local-userpass", &json!({ "config": { "autoConfirm": true } })),
            provider("custom-function", &json!({ "config": { "authFunctionName": "byCard" } })),
            provider("custom-token", &tokens),
        ]
        .into_iter()
        .collect();
        let custom_data = json!({
            "enabled": true, "mongo_service_name": "mongodb-atlas", "database_name": "house", "collection_name": "people",
            "user_id_field": "user_id", "on_user_creation_function_name": "welcome",
        });
        let endpoint = json!({
            "route": "/me", "http_method": "GET", "function_name": "me", "validation_method": "NO_VALIDATION",
            "respond_result": true, "create_user_on_auth": true, "disabled": false,
        });
        let data_api = json!({
            "disabled": false, "versions": ["v1"], "validation_method": "NO_VALIDATION", "create_user_on_auth": true,
        });
        let bell = json!({
            "name": "bell", "run_as_authed_user": true, "create_user_on_auth": true, "respond_result": true,
            "options": { "httpMethod": "POST", "validationMethod": "NO_VALIDATION" },
        });
        for (path, content) in [
            ("realm_config.json", json!({ "app_id": "house-abcde", "name": "house" })),
            ("auth/providers.json", Value::Object(providers)),
            ("auth/custom_user_data.json", custom_data),
            ("data_sources/mongodb-atlas/config.json", json!({ "name": "mongodb-atlas", "type": "mongodb-atlas" })),
            ("functions/config.json", json!([{ "name": "welcome" }, { "name": "byCard" }, { "name": "me" }])),
            ("http_endpoints/config.json", json!([endpoint])),
            ("http_endpoints/data_api_config.json", data_api),
            ("services/door/config.json", json!({ "name": "door", "type": "http" })),
            ("services/door/incoming_webhooks/bell/config.json", bell),
        ] {
            write(&folder.join("app"), path, &content.to_string());
        }
        for (path, content) in [
            ("functions/welcome.js", "exports = () => { for (let n = 0; n < 1000000; n++) {} };"),
            ("functions/byCard.js", "exports = ({ card }) => card;"),
            ("functions/me.js", "exports = () => context.user.id;"),
            ("services/door/incoming_webhooks/bell/source.js", "exports = () => context.user.id;"),
        ] {
            write(&folder.join("app"), path, content);
        }
        let mut secrets = Secrets::default();
        secrets.insert("tokenKey", KEY);
        let served = Served { app: Arc::new(App::load(folder.join("app")).unwrap()), secrets };
        let mail = MailSettings::to_folder(folder.join("mail")).unwrap();
        let places = Places::in_directory(folder.join("state"));
        let (host, _) = Host::open(places, &StorePlace::Directory, mail).await.unwrap();
        let state = State::new(host.applications(vec![served]).unwrap(), Options::default());
        let api = state.api("house-abcde").unwrap();
        api.register("ada@example.com", "password").await.unwrap();
        Self { state, api, folder }
    }

    async fn users(&self) -> Vec<Account> {
        self.api.accounts().list(None, 10).await.unwrap()
    }
}

#[tokio::test]
async fn requests_have_a_longer_time_limit_than_function_calls() {
    let house = House::new().await;
    // A call that does not stop is abandoned a second after its limit.
    assert!(house.state.patience() > house.api.functions().time_limit() + Duration::from_secs(10));
}

/// The requests that create a user.
fn requests() -> Vec<(&'static str, Request<Body>)> {
    let claims = json!({ "sub": "ada", "aud": "house-abcde", "exp": 4_000_000_000_u32 });
    let token = sign(r#"{"alg":"HS256"}"#, &claims.to_string(), &hs256(KEY));
    let login = |provider: &str, payload: Value| {
        Request::post(format!("{LOGIN}/{provider}/login")).body(Body::from(payload.to_string())).unwrap()
    };
    let by_password = |request: axum::http::request::Builder| {
        request.header("email", "ada@example.com").header("password", "password")
    };
    let find = json!({ "dataSource": "mongodb-atlas", "database": "house", "collection": "people" }).to_string();
    let find = || Body::from(find.clone());
    let get = || Request::get(format!("{ENDPOINT}/me"));
    let act = || Request::post(format!("{ENDPOINT}/data/v1/action/findOne"));
    vec![
        ("an anonymous login", login("anon-user", json!({}))),
        (
            "a login with a password",
            login("local-userpass", json!({ "username": "ada@example.com", "password": "password" })),
        ),
        ("a login with a token", login("custom-token", json!({ "token": token }))),
        ("a login by a function", login("custom-function", json!({ "card": "7" }))),
        ("an endpoint with a password", by_password(get()).body(Body::empty()).unwrap()),
        ("an endpoint with a token", get().header("jwtTokenString", &token).body(Body::empty()).unwrap()),
        ("the Data API with a password", by_password(act()).body(find()).unwrap()),
        ("the Data API with a token", act().header("jwtTokenString", &token).body(find()).unwrap()),
        ("a webhook with a password", by_password(Request::post(WEBHOOK)).body(Body::empty()).unwrap()),
    ]
}

/// Waits until a condition on the users holds.
async fn until(house: &House, holds: impl Fn(&[Account]) -> bool) {
    while !holds(&house.users().await) {
        tokio::task::yield_now().await;
    }
}

/// The maximum number of attempts to disconnect before the function ends.
const ATTEMPTS: usize = 20;

#[tokio::test]
async fn a_user_creation_completes_after_the_client_hangs_up() {
    for which in 0..requests().len() {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let (name, request) = requests().remove(which);
            assert!(attempts.next().is_some(), "{name}: the function always ends too early");
            let house = House::new().await;
            let mut answer = Box::pin(app(house.state.clone()).oneshot(request));
            tokio::select! {
                biased;
                () = until(&house, |users| !users.is_empty()) => {}
                _ = &mut answer => continue,
            }
            let is_pending = house.users().await[0].state == AccountState::Pending;
            drop(answer);
            let made = until(&house, |users| users.iter().any(|user| user.state == AccountState::Active));
            tokio::time::timeout(Duration::from_secs(60), made)
                .await
                .unwrap_or_else(|_| panic!("{name} was abandoned"));
            if is_pending {
                break;
            }
        }
    }
}
