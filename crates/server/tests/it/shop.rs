//! A server of the application `shop`, or of a variant in which a few files differ.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use portcullis::App;
use portcullis::app::Secrets;
use portcullis_functions::Options as FunctionOptions;
use portcullis_server::{Options, State, app};
use portcullis_service::Places;
use portcullis_service::call_log::{CallLog, LogReader};
use portcullis_service::client::{ClientApi, Host, MailSettings, Served, StorePlace};
use serde_json::{Value, json};
use sha2::Sha256;
use tower::ServiceExt;

pub(crate) const SHOP: &str = "/api/client/v2.0/app/shop-abcde";
pub(crate) const ENDPOINT: &str = "/app/shop-abcde/endpoint";
pub(crate) const ACTIONS: &str = "/app/shop-abcde/endpoint/data/v1/action";

/// The folder of the call log.
const LOGS: &str = "logs";

/// The key of third-party tokens.
const TOKEN_KEY: &str = "a key of thirty-two characters, or more";

pub(crate) struct Shop {
    app: Router,
    folder: PathBuf,
    pub(crate) served: Vec<String>,
    pub(crate) refused: Vec<(String, String)>,
    pub(crate) keys: Vec<String>,
    log: CallLog,
}

/// Differences from the application in `fixtures/served/shop`.
#[derive(Default)]
pub(crate) struct Changes {
    files: Vec<(&'static str, String)>,
    secrets: Vec<(&'static str, &'static str)>,
    functions: FunctionOptions,
}

impl Changes {
    /// Overrides settings of the Data API.
    pub(crate) fn data_api(settings: &Value) -> Self {
        let path = portcullis_testkit::root().join("fixtures/served/shop/http_endpoints/data_api_config.json");
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        Self::default().file("http_endpoints/data_api_config.json", &config)
    }

    pub(crate) fn file(mut self, path: &'static str, content: &Value) -> Self {
        self.files.push((path, content.to_string()));
        self
    }

    pub(crate) fn text(mut self, path: &'static str, content: &str) -> Self {
        self.files.push((path, content.to_owned()));
        self
    }

    /// Limits the time of a function call.
    pub(crate) fn time(mut self, time: Duration) -> Self {
        self.functions.time = time;
        self
    }

    pub(crate) fn secret(mut self, name: &'static str, value: &'static str) -> Self {
        self.secrets.push((name, value));
        self
    }
}

/// A response, whatever its type.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn kind(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap())
    }

    /// The status, error code and message of an error.
    pub(crate) fn failure(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        (self.status, text("error_code"), text("error"))
    }

    /// The body of a successful response.
    pub(crate) fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

/// Copies a directory.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Shop {
    pub(crate) async fn new() -> Self {
        Self::with(Changes::default()).await
    }

    /// A server that tells callers of endpoints how functions failed.
    pub(crate) async fn telling_errors() -> Self {
        Self::open(Changes::default(), Options { shows_function_errors: true, ..Options::default() }).await
    }

    pub(crate) async fn with(changes: Changes) -> Self {
        Self::open(changes, Options::default()).await
    }

    pub(crate) async fn open(changes: Changes, options: Options) -> Self {
        let name = format!("portcullis-shop-{}", bson::oid::ObjectId::new().to_hex());
        let folder = std::env::temp_dir().join(name);
        copy(&portcullis_testkit::root().join("fixtures/served/shop"), &folder.join("app"));
        Self::open_in(folder, changes, options, Vec::new()).await
    }

    /// The same server, with its users and documents, started again with changes.
    pub(crate) async fn restarted(mut self, changes: Changes) -> Self {
        let (folder, keys) = (std::mem::take(&mut self.folder), std::mem::take(&mut self.keys));
        drop(self);
        Self::open_in(folder, changes, Options::default(), keys).await
    }

    async fn open_in(folder: PathBuf, changes: Changes, options: Options, mut keys: Vec<String>) -> Self {
        for (path, content) in &changes.files {
            let path = folder.join("app").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut secrets = Secrets::default();
        secrets.insert("tokenKey", TOKEN_KEY);
        for (name, value) in changes.secrets {
            secrets.insert(name, value);
        }
        let served = Served { app: Arc::new(App::load(folder.join("app")).unwrap()), secrets };
        let places = Places::in_directory(folder.join("state"));
        let mail = MailSettings::to_folder(folder.join("mail")).unwrap();
        let (host, _) = Host::open(places, &StorePlace::Directory, mail).await.unwrap();
        let log = CallLog::open(folder.join(LOGS), 1).unwrap();
        let host = host.with_functions(changes.functions).with_call_log(log.clone());
        let apis = host.applications(vec![served]).unwrap();
        let [api]: [ClientApi; 1] = apis.try_into().ok().unwrap();
        let (served, refused) = (api.entries().served.clone(), api.entries().refused.clone());
        if keys.is_empty() {
            keys.push(api.create_server_key("till").await.unwrap().key);
        }
        Self { app: app(State::new(vec![api], options)), folder, served, refused, keys, log }
    }

    /// The function calls in the log.
    pub(crate) fn logged(&self) -> Vec<Value> {
        self.log.flush();
        let mut calls = Vec::new();
        let read = LogReader::new(self.folder.join(LOGS), None, None).read(|_, call| {
            calls.push(call);
            Ok::<_, std::io::Error>(())
        });
        read.unwrap();
        calls
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// The status of the response to a request. The body is not read, since it may be an endless stream.
    pub(crate) async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    /// Sends a request with these headers.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Performs an action of the Data API.
    pub(crate) async fn act(&self, headers: &[(&str, &str)], action: &str, collection: &str, options: Value) -> Answer {
        let mut body = json!({ "dataSource": "mongodb-atlas", "database": "shop", "collection": collection });
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        self.ask("POST", &format!("{ACTIONS}/{action}"), headers, &body.to_string()).await
    }

    pub(crate) async fn register(&self, email: &str) {
        let body = json!({ "email": email, "password": "password" }).to_string();
        let reply = self.ask("POST", &format!("{SHOP}/auth/providers/local-userpass/register"), &[], &body).await;
        assert_eq!(reply.status, StatusCode::CREATED.as_u16(), "{reply:?}");
    }

    /// Registers a new user and logs in; returns the user's ID and the access token.
    pub(crate) async fn somebody(&self, email: &str) -> (String, String) {
        self.register(email).await;
        self.log_in(email).await
    }

    pub(crate) async fn log_in(&self, email: &str) -> (String, String) {
        let body = json!({ "username": email, "password": "password" }).to_string();
        let reply = self.ask("POST", &format!("{SHOP}/auth/providers/local-userpass/login"), &[], &body).await.good();
        (reply["user_id"].as_str().unwrap().to_owned(), reply["access_token"].as_str().unwrap().to_owned())
    }
}

/// The signature of a body.
pub(crate) fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// A third-party token with these claims.
pub(crate) fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut all = json!({ "aud": "shop-abcde", "exp": 4_000_000_000_u32 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&all));
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN_KEY.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
