use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, State as Extract};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::{DocumentRef, json};
use portcullis_service::client::{ClientError, ErrorClass, ErrorCode, Outcome, StreamItem};
use portcullis_service::heavy::{apart, in_place, weight};
use tokio::sync::{mpsc, watch};

use crate::applications::State;
use crate::observe::RequestId;
use crate::peer::Client;
use crate::reply::{Compressible, Failure, Reply, empty, json_text};
use crate::request::{Received, bearer, body, large_body, seen};
use crate::streams::Opened;

/// The path of [`call`], in the syntax of the router.
pub(crate) const CALLS: &str = "/api/client/v2.0/app/{app}/functions/call";

/// The application ID in a path of [`call`]; `None` for another path, or if only the router can decode it.
pub(crate) fn application_called(path: &str) -> Option<&str> {
    let (before, after) = CALLS.split_once("{app}")?;
    let app = path.strip_prefix(before)?.strip_suffix(after)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!app.is_empty() && app.bytes().all(is_plain)).then_some(app)
}

/// Calls a function or an action of a data source; the reply is the result itself, as canonical extended JSON.
pub(crate) async fn call(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Extension(RequestId(id)): Extension<RequestId>,
    Path(app): Path<String>,
    Received { method, uri, headers, bytes }: Received,
) -> Reply {
    let api = state.api(&app)?;
    let token = bearer(&headers)?;
    // The body is parsed only after the token has been accepted.
    let user = api.bearer(token).await?;
    let length = bytes.len();
    let call = large_body(bytes).await.map_err(not_a_call)?;
    let request = seen(method, uri, headers, client.address).with_id(id);
    let work = async move {
        let outcome = api.outcome_of(user, Some(request), call).await?;
        in_place(outcome_weight(&outcome), || text(&outcome))
    };
    Ok(Compressible::mark(json_text(StatusCode::OK, apart(length, work).await??)))
}

fn outcome_weight(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Value(value) => weight(value),
        Outcome::Document(document) => document.as_bytes().len(),
        Outcome::Documents(documents) => documents.iter().map(|document| document.as_bytes().len()).sum(),
    }
}

/// An outcome as canonical extended JSON.
fn text(outcome: &Outcome) -> Result<Vec<u8>, ClientError> {
    let mut text = Vec::with_capacity(1024);
    let written = match outcome {
        Outcome::Value(value) => json::write_canonical(value, &mut text),
        Outcome::Document(document) => json::write_canonical(DocumentRef::from(document), &mut text),
        Outcome::Documents(documents) => {
            text.push(b'[');
            let written = documents.iter().enumerate().try_for_each(|(index, document)| {
                if index > 0 {
                    text.push(b',');
                }
                json::write_canonical(DocumentRef::from(document), &mut text)
            });
            text.push(b']');
            written
        }
    };
    written.map(|()| text).map_err(ClientError::internal)
}

/// Replaces the error of an unreadable body by that of an invalid call, which clients recognize by its text.
fn not_a_call(error: ClientError) -> ClientError {
    if error.code == Some(ErrorCode::BadRequest) { ClientError::invalid_call() } else { error }
}

/// Watches a collection. The call is in the query, since such requests have no body.
pub(crate) async fn stream(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Reply {
    let api = state.api(&app)?;
    let parameter = |names: [&str; 2]| {
        query.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    };
    // Some clients cannot set headers on a stream.
    let token = match parameter(["baas_at", "stitch_at"]) {
        Some(token) => token,
        None => bearer(&headers)?,
    };
    let invalid = ClientError::invalid_call;
    let request = parameter(["baas_request", "stitch_request"]).ok_or_else(invalid)?;
    let bytes = STANDARD.decode(request).map_err(|_| invalid())?;
    let call = body(&Bytes::from(bytes)).map_err(not_a_call)?.ok_or_else(invalid)?;
    let Some(opened) = state.streams().take(client.network()) else {
        state.metrics().refused("streams");
        let error = ClientError::plain(ErrorClass::TooManyRequests, "too many streams are open");
        return Err(Failure::after(error, STREAM_RETRY_AFTER));
    };
    let items = api.watch(token, &call).await?;
    // Older clients first check whether a stream can be opened.
    if parameter(["stitch_validate"; 2]) == Some("true") {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let stream = Stream::new(items, state.clone(), opened);
    let events = futures_util::stream::unfold(stream, |mut stream| async move {
        let text = stream.next().await?;
        Some((Ok::<_, Infallible>(text), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// When a client that could not open a stream should retry.
const STREAM_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The state of a response that streams changes.
struct Stream {
    items: mpsc::Receiver<StreamItem>,
    stopping: watch::Receiver<bool>,
    state: State,
    is_begun: bool,
    is_over: bool,
    _opened: Opened,
}

impl Stream {
    fn new(items: mpsc::Receiver<StreamItem>, state: State, opened: Opened) -> Self {
        state.metrics().streams.inc();
        let stopping = state.streams().stopping();
        Self { items, stopping, state, is_begun: false, is_over: false, _opened: opened }
    }

    /// The next bytes to send; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        if !self.is_begun {
            self.is_begun = true;
            return Some(COMMENT.to_owned());
        }
        let item = tokio::select! {
            item = self.items.recv() => item?,
            _ = self.stopping.wait_for(|stopping| *stopping) => {
                self.is_over = true;
                let message = "the server is shutting down";
                StreamItem::Failed(ClientError::new(ErrorClass::Unavailable, ErrorCode::InternalServerError, message))
            }
        };
        Some(written(&item))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.metrics().streams.dec();
    }
}

/// A comment of server-sent events, which keeps the connection open.
const COMMENT: &str = ":\n\n";

/// An item as a server-sent event. In the data, line breaks and the escape character are escaped.
fn written(item: &StreamItem) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\n', "%0A").replace('\r', "%0D");
    let failed = |error: &ClientError| {
        let code = error.code.unwrap_or(ErrorCode::InternalServerError).name();
        let details = serde_json::json!({ "error_code": code, "error": error.message });
        format!("event: error\ndata: {}\n\n", data(&details.to_string()))
    };
    match item {
        StreamItem::Quiet => COMMENT.to_owned(),
        StreamItem::Change(event) => {
            let mut text = Vec::new();
            let written = in_place(weight(event), || {
                json::write_canonical(event, &mut text).map(|()| data(&String::from_utf8_lossy(&text)))
            });
            written.map_or_else(|error| failed(&ClientError::internal(error)), |text| format!("data: {text}\n\n"))
        }
        StreamItem::Failed(error) => failed(error),
    }
}
