//! A test client of the server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use base64::Engine as _;
use futures_util::StreamExt;
use portcullis::App;
use portcullis::app::Secrets;
use portcullis_server::{Options, State, app};
use portcullis_service::Places;
use portcullis_service::client::{Host, MailSettings, Served, StorePlace};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The client API of the application `notes`.
pub(crate) const NOTES: &str = "/api/client/v2.0/app/notes-abcde";
pub(crate) const AUTH: &str = "/api/client/v2.0/auth";

/// A server of the applications in `fixtures/served`, with its own state directory.
pub(crate) struct Server {
    app: Router,
    /// The served state, for tests that listen on a socket.
    pub(crate) served: State,
    /// Opens applications, to be served later.
    pub(crate) host: Host,
    state: PathBuf,
}

/// A response with a JSON body, or none.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The status, error code and message of an error.
    pub(crate) fn failure(&self) -> (u16, &str, &str) {
        let text = |name: &str| self.body.get(name).and_then(Value::as_str).unwrap_or("");
        (self.status.as_u16(), text("error_code"), text("error"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

impl Server {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::of(&["served/notes", "served/other"], options).await
    }

    /// A server of applications in `fixtures`.
    pub(crate) async fn of(applications: &[&str], options: Options) -> Self {
        let name = format!("portcullis-server-{}", bson::oid::ObjectId::new().to_hex());
        Self::at(std::env::temp_dir().join(name), applications, options).await
    }

    /// Like [`of`](Self::of), with an existing state directory.
    pub(crate) async fn at(state: PathBuf, applications: &[&str], options: Options) -> Self {
        let load = |name: &&str| {
            let app = App::load(portcullis_testkit::root().join("fixtures").join(name)).unwrap();
            Served { app: Arc::new(app), secrets: Secrets::default() }
        };
        let served = applications.iter().map(load).collect();
        let mail = MailSettings::to_folder(state.join("mail")).unwrap();
        let (host, _) = Host::open(Places::in_directory(&state), &StorePlace::Directory, mail).await.unwrap();
        let served = State::new(host.applications(served).unwrap(), options);
        Self { app: app(served.clone()), served, host, state }
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// The texts of the mails that were sent, in order.
    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.state.join("mail")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        // Empty responses have no content type; all others have the one that clients compare with.
        let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap());
        assert_eq!(kind, (!bytes.is_empty()).then_some("application/json"));
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// The unprocessed response.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    /// The body and headers of a response, whatever its type.
    pub(crate) async fn send_raw(&self, request: Request<Body>) -> (Vec<u8>, HeaderMap) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (to_bytes(body, usize::MAX).await.unwrap().to_vec(), parts.headers)
    }

    /// Opens a stream of the changes in the collection `notes`.
    pub(crate) async fn watch(&self, session: &Session, options: Value) -> Result<Stream, Reply> {
        let mut argument = json!({ "database": "notes", "collection": "notes" });
        argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let call = json!({ "name": "watch", "arguments": [argument], "service": "mongodb-atlas" });
        let call = base64::engine::general_purpose::STANDARD.encode(call.to_string());
        let call = call.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let request = Request::get(format!("{NOTES}/functions/call?baas_request={call}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", session.access))
            .body(Body::empty())
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::OK {
            assert_eq!(parts.headers[header::CONTENT_TYPE], "text/event-stream");
            return Ok(Stream { body: body.into_data_stream(), text: String::new() });
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap();
        Err(Reply { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path, None, Some(body)).await
    }

    /// Logs in; returns the response.
    pub(crate) async fn log_in(&self, provider: &str, payload: Value) -> Reply {
        self.post(&format!("{NOTES}/auth/providers/{provider}/login"), payload).await
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Reply {
        let path = format!("{NOTES}/auth/providers/local-userpass/register");
        self.post(&path, json!({ "email": email, "password": password })).await
    }

    /// Registers a new user and logs in with the password.
    pub(crate) async fn somebody(&self, email: &str) -> Session {
        assert_eq!(self.register(email, "password").await.status, StatusCode::CREATED);
        self.again(email).await
    }

    /// Logs an existing user in again.
    pub(crate) async fn again(&self, email: &str) -> Session {
        let payload = json!({ "username": email, "password": "password" });
        Session::of(&self.log_in("local-userpass", payload).await)
    }

    /// Calls an action of the data source.
    pub(crate) async fn call(&self, session: &Session, name: &str, collection: &str, options: Value) -> Reply {
        let mut argument = json!({ "database": "notes", "collection": collection });
        argument.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({ "name": name, "arguments": [argument], "service": "mongodb-atlas" });
        self.ask(Method::POST, &format!("{NOTES}/functions/call"), Some(&session.access), Some(body)).await
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub(crate) struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    /// The name and the data of the next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let Some((event, rest)) = self.text.split_once("\n\n") else {
                let chunk = tokio::time::timeout(Duration::from_secs(30), self.body.next()).await;
                let chunk = chunk.expect("no event within 30 seconds")?.unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
                continue;
            };
            let (mut name, mut data) = ("message".to_owned(), String::new());
            for line in event.lines() {
                if let Some(value) = line.strip_prefix("data: ") {
                    data.push_str(value);
                } else if let Some(value) = line.strip_prefix("event: ") {
                    value.clone_into(&mut name);
                }
            }
            self.text = rest.to_owned();
            if !data.is_empty() {
                let data = data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
                return Some((name, serde_json::from_str(&data).unwrap()));
            }
        }
    }

    /// The next change.
    pub(crate) async fn change(&mut self) -> Value {
        let (name, change) = self.next().await.expect("the stream ended");
        assert_eq!(name, "message", "{change}");
        change
    }
}

/// A session of a user.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) user_id: String,
}

impl Session {
    pub(crate) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), user_id: text("user_id") }
    }

    /// The claims of the access token.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.access)
    }
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
