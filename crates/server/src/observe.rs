//! The outermost middleware: assigns the request ID, determines the client, logs and counts the request, and writes
//! error bodies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;
use portcullis_service::client::{ClientError, ErrorClass, ErrorCode};
use sha2::{Digest, Sha256};

use crate::applications::State;
use crate::peer::{Client, Peer};
use crate::reply::{Failure, error_body, json_reply};
use crate::request::{base, has_small_body, host, take_one_slash};

/// The most concurrent requests, not counting streams; the same limit as that of App Services.
pub(crate) const MAX_CONCURRENT_REQUESTS: usize = 10_000;

/// The pattern of the route that matched, stored in the response extensions for the outer middleware.
#[derive(Clone)]
pub(crate) enum Route {
    /// The pattern that the router matched.
    Matched(MatchedPath),
    /// The pattern that the router would have matched, for a request that bypassed it.
    Known(&'static str),
}

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Matched(path) => path.as_str(),
            Self::Known(path) => path,
        }
    }
}

/// The ID of a request, in logs, in the header `X-Request-Id` and in the link of an error.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Marks a response that an application wrote itself: its status says nothing about the server, and its body is sent
/// unchanged.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

/// Records the matched route in the response. Only middleware on the route itself can see it.
pub(crate) async fn note_route(path: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route::Matched(path));
    response
}

pub(crate) async fn observe(
    state: &State,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let begun = Instant::now();
    take_one_slash(&mut request);
    let id: Arc<str> = ObjectId::new().to_hex().into();
    let peer = request.extensions().get::<Peer>().copied();
    let client = Client::of(peer, request.headers(), &state.options().trusted_proxies);
    let (host, uri, method) = (host(request.headers()).cloned(), request.uri().clone(), request.method().clone());
    request.extensions_mut().insert(client.clone());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let has_large_body = !has_small_body(&request);
    let mut response = match state.requests().try_acquire() {
        // A proxy might have decided by the other one.
        Ok(_permit) if request.headers().get_all(header::HOST).iter().nth(1).is_some() => {
            StatusCode::BAD_REQUEST.into_response()
        }
        Ok(_permit) => next(request).await,
        Err(_) => {
            state.metrics().refused("requests");
            let error = ClientError::plain(ErrorClass::TooManyRequests, "too many requests at once");
            Failure::after(error, Duration::from_secs(1)).into_response()
        }
    };
    let status = response.status();
    let failure = response.extensions_mut().remove::<Failure>();
    let route = response.extensions_mut().remove::<Route>();
    let route = route.as_ref().map_or("unknown", Route::as_str);
    let took = begun.elapsed();
    state.metrics().answered(method_name(&method), route, status.as_u16(), took);
    let code = failure.as_ref().and_then(|failure| failure.error.code).map(ErrorCode::name);
    // The error may repeat what was sent to the function; the call log contains it without passwords.
    let is_of_function = |error: &ClientError| error.code == Some(ErrorCode::FunctionExecutionError);
    let private = failure.as_ref().filter(|failure| !is_of_function(&failure.error));
    let private = private.and_then(|failure| failure.error.private.as_deref());
    let (address, status_code, milliseconds) = (client.address, status.as_u16(), took.as_millis());
    if status.is_server_error() {
        tracing::error!(id = &*id, %address, %method, route, status = status_code, code, milliseconds, private, "request failed");
    } else {
        tracing::info!(id = &*id, %address, %method, route, status = status_code, code, milliseconds, private, "request");
    }
    let is_own = response.extensions_mut().remove::<AsIs>().is_some();
    if (status.is_client_error() || status.is_server_error()) && !is_own && !is_json(&response) {
        let base = base(host.as_ref(), &client, state.options());
        response = json_error(&response, failure.as_ref(), &link(&base, uri.path(), &id));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    if has_large_body && response.status().is_client_error() {
        // Perhaps the body was not read. Then the connection ends, and clients must not send another request on it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

/// Writes an error as JSON, the only format that clients read. This includes errors that do not come from the routes,
/// such as that of a body which is too large.
fn json_error(response: &Response, failure: Option<&Failure>, link: &str) -> Response {
    let status = response.status();
    let body = match failure {
        Some(Failure { error, .. }) => error_body(&error.message, error.code, link),
        None => error_body(&standard_text(status), None, link),
    };
    let mut written = json_reply(status, &body);
    let kept = response.headers().iter().filter(|(name, _)| {
        // These headers describe the body that is replaced.
        !matches!(**name, header::CONTENT_TYPE | header::CONTENT_LENGTH)
    });
    for (name, value) in kept {
        written.headers_mut().append(name.clone(), value.clone());
    }
    written
}

fn standard_text(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("failed").to_lowercase()
}

/// The label for a method. Only known methods have their own, since a client can send any name.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The link to a request's log, in the format of App Services, from which clients extract the request ID.
fn link(base: &str, path: &str, id: &str) -> String {
    let app = path.split("/app/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("");
    let app: String = Sha256::digest(app).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{base}/groups/000000000000000000000000/apps/{app}/logs?co_id={id}")
}

/// The page to which such a link leads.
pub(crate) async fn log_of_request() -> &'static str {
    "Look for the ID at the end of this address in the log of the server, or pass it to `portcullis logs --request`.\n"
}
