//! Reads the parts of a request.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request as HttpRequest, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bson::{Bson, Document, doc};
use futures_util::StreamExt;
use portcullis::endpoint::header_name;
use portcullis::eval::Request;
use portcullis::json::{self, Kind, Node, count_values};
use portcullis_service::client::{ClientError, ErrorClass, ErrorCode, bearer_token};
use portcullis_service::heavy::{LARGE, in_place};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::applications::{Options, State};
use crate::peer::Client;
use crate::reply::Failure;
use crate::streams::Open;
use crate::{MAX_BODY, MAX_REQUEST};

/// Replaces several slashes at the beginning of a path by one: they come from base URLs that end with a slash.
pub(crate) fn take_one_slash(request: &mut HttpRequest) {
    let uri = request.uri();
    if uri.path().starts_with("//") {
        let rest = uri.path_and_query().map_or("", axum::http::uri::PathAndQuery::as_str).trim_start_matches('/');
        if let Ok(uri) = format!("/{rest}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
}

/// A request with its whole body.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Received {
    type Rejection = BytesRejection;

    async fn from_request(mut request: HttpRequest, state: &S) -> Result<Self, BytesRejection> {
        // The `HeaderMap` extractor would clone the headers, which takes as long as parsing them did.
        let headers = std::mem::take(request.headers_mut());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let bytes = Bytes::from_request(request, state).await?;
        Ok(Self { method, uri, headers, bytes })
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, ClientError> {
    let refused = |message: &str| ClientError::plain(ErrorClass::Unauthorized, message);
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Err(refused("must authenticate first")) };
    let token = value.to_str().ok().and_then(bearer_token);
    token.ok_or_else(|| refused("expected Authorization header with JWT"))
}

/// Large bodies are parsed on threads other than those that handle requests, a few at a time.
static READERS: Semaphore = Semaphore::const_new(2);

/// Like [`body`], for bodies that may be large.
pub(crate) async fn large_body(bytes: Bytes) -> Result<Option<Node>, ClientError> {
    if bytes.len() <= LARGE {
        return body(&bytes);
    }
    let _reader = READERS.acquire().await.map_err(ClientError::internal)?;
    tokio::task::spawn_blocking(move || body(&bytes)).await.map_err(ClientError::internal)?
}

/// The memory for large bodies and the values parsed from them, in MiB. Authenticated users and strangers have separate
/// budgets, so that strangers cannot use up that of users.
const BODY_BUDGET_MIB: usize = 256;

static USER_BUDGET: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(BODY_BUDGET_MIB)));
static STRANGER_BUDGET: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(BODY_BUDGET_MIB)));

/// The most large bodies that one network may send concurrently.
static SENDING: LazyLock<Arc<Open>> = LazyLock::new(|| Open::new(4 * BODY_BUDGET_MIB, 16));

/// The time limit for receiving a large body.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait for memory for more of a large body.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(10);

/// The length of a request's body. If it is unknown, the largest permitted length is assumed.
fn length(request: &HttpRequest, allowed: usize) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(if request.body().is_end_stream() { 0 } else { allowed })
}

/// Whether a body is known to be small.
pub(crate) fn has_small_body(request: &HttpRequest) -> bool {
    let size = request.body().size_hint().exact();
    size.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size <= LARGE))
}

/// Reads a large body only from the bearer of a valid token, and only if there is memory for it, which stays reserved
/// until the reply is ready.
pub(crate) async fn bound_body(Extract(state): Extract<State>, request: HttpRequest, next: Next) -> Response {
    if length(&request, MAX_BODY) <= LARGE {
        return next.run(request).await;
    }
    let token = bearer(request.headers()).map(str::to_owned);
    let accepted = async {
        let token = token?;
        state.api_of(&token)?.bearer(&token).await
    };
    if let Err(error) = accepted.await {
        return Failure::from(error).into_response();
    }
    with_room(&USER_BUDGET, MAX_BODY, request, next).await
}

/// Reads a large body from anyone, since endpoints need it to authenticate the sender, if there is memory for it.
pub(crate) async fn bound_body_of_strangers(request: HttpRequest, next: Next) -> Response {
    if length(&request, MAX_REQUEST) <= LARGE {
        return next.run(request).await;
    }
    with_room(&STRANGER_BUDGET, MAX_REQUEST, request, next).await
}

async fn with_room(room: &Arc<Semaphore>, allowed: usize, request: HttpRequest, next: Next) -> Response {
    if length(&request, allowed) > allowed {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let network = request.extensions().get::<Client>().map(Client::network);
    let Some(_sending) = SENDING.take(network.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))) else {
        let error = ClientError::plain(ErrorClass::TooManyRequests, "too many large requests at once");
        return Failure::after(error, BUDGET_TIMEOUT).into_response();
    };
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(UPLOAD_TIMEOUT, read_with_room(room, allowed, body)).await;
    match read {
        Ok(Ok((bytes, _held))) => next.run(HttpRequest::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(response)) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// Reserves memory as the body arrives, so that a slow sender holds only as much as it has sent, and then memory for
/// the parsed values.
async fn read_with_room(
    room: &Arc<Semaphore>,
    allowed: usize,
    body: Body,
) -> Result<(Bytes, Vec<OwnedSemaphorePermit>), Response> {
    let mut held = Vec::new();
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        if bytes.len().saturating_add(chunk.len()) > allowed {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        }
        bytes.extend_from_slice(&chunk);
        hold(room, &mut held, bytes.len() >> 20).await?;
    }
    let needed = in_place(bytes.len(), || count_values(&bytes)) / VALUES_IN_ROOM;
    if needed > BODY_BUDGET_MIB {
        return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    hold(room, &mut held, needed).await?;
    Ok((Bytes::from(bytes), held))
}

/// Reserves more memory, up to this total.
async fn hold(room: &Arc<Semaphore>, held: &mut Vec<OwnedSemaphorePermit>, mebibytes: usize) -> Result<(), Response> {
    while held.len() < mebibytes.min(BODY_BUDGET_MIB) {
        match tokio::time::timeout(BUDGET_TIMEOUT, Arc::clone(room).acquire_owned()).await {
            Ok(Ok(permit)) => held.push(permit),
            _ => {
                let error = ClientError::plain(ErrorClass::Unavailable, "too many large requests at once");
                return Err(Failure::after(error, BUDGET_TIMEOUT).into_response());
            }
        }
    }
    Ok(())
}

/// The number of JSON values that are charged as one MiB: each takes half a KiB while it is parsed.
const VALUES_IN_ROOM: usize = 2000;

/// The most JSON values in a body.
const MAX_VALUES: usize = 250_000;

/// Parses the body as JSON, whatever its declared type. An empty body counts as absent.
pub(crate) fn body(bytes: &Bytes) -> Result<Option<Node>, ClientError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if bytes.len() > LARGE / 4 && count_values(bytes) > MAX_VALUES {
        let message = format!("the body has more than {MAX_VALUES} values");
        return Err(ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message));
    }
    let parsed = json::parse_up_to(&without_lone_surrogates(bytes), MAX_BODY);
    parsed.map(Some).map_err(|_| ClientError::bad(ErrorCode::BadRequest, "the body is not valid JSON"))
}

/// Replaces escaped surrogates that are not part of a pair with U+FFFD. `JSON.stringify` writes them for a string that
/// was cut off within a character.
fn without_lone_surrogates(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut mended = Cow::Borrowed(bytes);
    let mut at = 0;
    while let Some(escape) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at = at.saturating_add(escape);
        let length = match (surrogate(bytes, at), surrogate(bytes, at.saturating_add(6))) {
            (None, _) => 2,
            (Some(Surrogate::High), Some(Surrogate::Low)) => 12,
            (Some(_), _) => {
                if let Some(digits) = mended.to_mut().get_mut(at.saturating_add(2)..at.saturating_add(6)) {
                    digits.copy_from_slice(b"fffd");
                }
                6
            }
        };
        at = at.saturating_add(length);
    }
    mended
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Surrogate {
    High,
    Low,
}

/// The escaped surrogate at this position, such as `\ud83d`.
fn surrogate(bytes: &[u8], at: usize) -> Option<Surrogate> {
    let digits = bytes.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match unit {
        0xd800..=0xdbff => Some(Surrogate::High),
        0xdc00..=0xdfff => Some(Surrogate::Low),
        _ => None,
    }
}

/// A required string in a body.
pub(crate) fn text<'b>(body: Option<&'b Node>, name: &str) -> Result<&'b str, ClientError> {
    let value = body.and_then(|body| body.get(name)).and_then(Node::as_str);
    value.ok_or_else(|| ClientError::bad(ErrorCode::BadRequest, format!("'{name}' is a required string")))
}

/// An array in a body; an absent one is empty.
pub(crate) fn array<'b>(body: Option<&'b Node>, name: &str) -> Result<&'b [Node], ClientError> {
    match body.and_then(|body| body.get(name)).map(|value| &value.kind) {
        None | Some(Kind::Null) => Ok(&[]),
        Some(Kind::Array(values)) => Ok(values),
        Some(_) => Err(ClientError::bad(ErrorCode::BadRequest, format!("'{name}' must be an array"))),
    }
}

/// The request as seen by rules and functions, as `%%request` and `context.request`, without its token and cookies. It
/// is built on first use, since few rules and functions use it.
pub(crate) fn seen(method: Method, uri: Uri, headers: HeaderMap, address: IpAddr) -> Request {
    // All of its fields are valid in a request; otherwise, the request would have none.
    Request::lazy(move || fields(&method, &uri, &headers, address))
}

fn fields(method: &Method, uri: &Uri, headers: &HeaderMap, address: IpAddr) -> Document {
    let text =
        |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut named = Document::new();
    for name in headers.keys().filter(|name| **name != header::AUTHORIZATION && **name != header::COOKIE) {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        named.insert(header_name(name.as_str()), values.map(Bson::from).collect::<Vec<_>>());
    }
    doc! {
        "httpMethod": method.as_str(), "httpReferrer": text(header::REFERER), "httpUserAgent": text(header::USER_AGENT),
        "rawQueryString": uri.query().map(|query| format!("?{query}")).unwrap_or_default(), "requestHeaders": named,
        "remoteIPAddress": address.to_string(), "service": "", "action": "", "webhookUrl": "",
    }
}

/// The `Host` header.
pub(crate) fn host(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(header::HOST)
}

/// The scheme, host and port under which the client reached the server.
pub(crate) fn base(host: Option<&HeaderValue>, client: &Client, options: &Options) -> String {
    if let Some(url) = &options.public_url {
        return url.clone();
    }
    let is_plain = |host: &&str| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    };
    let asked = host.and_then(|host| host.to_str().ok());
    let host = client.host.as_deref().or(asked).filter(is_plain).unwrap_or("localhost");
    let scheme = client.scheme.unwrap_or(if options.is_tls { "https" } else { "http" });
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{count_values, without_lone_surrogates};

    #[test]
    fn values_inside_strings_are_not_counted() {
        let cases = [("", 1), ("1", 1), ("[1,2,3]", 4), (r#"{"a": "[,{", "b": "\",,"}"#, 3), (r#"["\\",2]"#, 3)];
        for (text, expected) in cases {
            assert_eq!(count_values(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn only_surrogates_without_their_other_half_are_replaced() {
        for (text, expected) in [
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\uDE00x"]"#, r#"["\ufffdx"]"#),
            (r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\ud83d\n", "\\ud83d", "\"\udc00"]"#, r#"["\ufffd\n", "\\ud83d", "\"\ufffd"]"#),
            (r#"["\ud83"]"#, r#"["\ud83"]"#),
        ] {
            let mended = without_lone_surrogates(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&mended), expected, "{text}");
        }
        assert!(matches!(without_lone_surrogates(br#"{"a": "\u00e9"}"#), Cow::Borrowed(_)));
    }
}
