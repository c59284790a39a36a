//! Writes responses. Clients compare the content type of JSON responses for equality, and take an empty response for a
//! missing value only if it has no content type at all.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_service::client::{ClientError, ErrorClass, ErrorCode, HttpReply};
use serde_json::{Value, json};

use crate::observe::AsIs;

/// A JSON response.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response {
    json_text(status, body.to_string())
}

/// A reply with a body that is already serialized as JSON.
pub(crate) fn json_text(status: StatusCode, body: impl Into<Body>) -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [kind], body.into()).into_response()
}

/// Marks a response that may be compressed. Responses to logins and about keys contain secrets next to data from the
/// client, and those of endpoints may: the size of such a response, once compressed, would reveal how much of the
/// secret a client has guessed.
#[derive(Clone, Copy)]
pub(crate) struct Compressible;

impl Compressible {
    /// Adds the mark to a response.
    pub(crate) fn mark(mut response: Response) -> Response {
        response.extensions_mut().insert(Self);
        response
    }
}

/// Replies below this size in bytes are not compressed: too little would be gained.
const LEAST_COMPRESSED: u64 = 1024;

/// Whether to compress a reply: a successful one that is [`Compressible`] and not known to be small.
pub(crate) fn is_compressed(reply: &Response) -> bool {
    let is_large = || reply.body().size_hint().exact().is_none_or(|size| size >= LEAST_COMPRESSED);
    reply.status().is_success() && reply.extensions().get::<Compressible>().is_some() && is_large()
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    status.into_response()
}

/// Headers that concern the connection, which functions cannot set.
const CONNECTION: [HeaderName; 5] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE, header::TRAILER];

/// The response of an endpoint or the Data API. Invalid headers are dropped. A status that is invalid or does not
/// complete a request is an error.
pub(crate) fn http_reply(reply: HttpReply) -> Response {
    let status = StatusCode::from_u16(reply.status).ok().filter(|status| !status.is_informational());
    let Some(status) = status else {
        let error = ClientError::internal("an endpoint returned an invalid status");
        return Failure::from(error).into_response();
    };
    let mut response = Response::new(Body::from(reply.body.unwrap_or_default()));
    *response.status_mut() = status;
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            && !CONNECTION.contains(&name)
        {
            response.headers_mut().append(name, value);
        }
    }
    response.extensions_mut().insert(AsIs);
    response
}

/// An error to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: Arc<ClientError>,
    /// In how many seconds the client may retry.
    pub(crate) retry_after: Option<u64>,
}

impl Failure {
    pub(crate) fn after(error: ClientError, wait: Duration) -> Self {
        Self { error: Arc::new(error), retry_after: Some(wait.as_secs().saturating_add(1)) }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self { error: Arc::new(error), retry_after: None }
    }
}

/// The result of handling a request.
pub(crate) type Reply = Result<Response, Failure>;

impl IntoResponse for Failure {
    /// Sets the status. The body is written later, when the request ID is known.
    fn into_response(self) -> Response {
        let status = match self.error.class {
            ErrorClass::BadRequest => StatusCode::BAD_REQUEST,
            ErrorClass::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorClass::Forbidden => StatusCode::FORBIDDEN,
            ErrorClass::NotFound => StatusCode::NOT_FOUND,
            ErrorClass::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorClass::Conflict => StatusCode::CONFLICT,
            ErrorClass::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of an error. `link` leads to the log of the request.
pub(crate) fn error_body(message: &str, code: Option<ErrorCode>, link: &str) -> Value {
    let mut body = json!({ "error": message });
    if let Value::Object(members) = &mut body {
        if let Some(code) = code {
            members.insert("error_code".to_owned(), json!(code.name()));
        }
        members.insert("link".to_owned(), json!(link));
    }
    body
}

pub(crate) async fn wrong_method() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED)
}

pub(crate) async fn unknown_path() -> Response {
    plain(StatusCode::NOT_FOUND)
}

/// An error that its status describes completely.
fn plain(status: StatusCode) -> Response {
    status.into_response()
}

pub(crate) async fn no_push_service(Path((_, service)): Path<(String, String)>) -> Response {
    let shown: String = service.chars().take(128).collect();
    let message = format!("service not found: '{shown}'");
    Failure::from(ClientError::new(ErrorClass::NotFound, ErrorCode::ServiceNotFound, message)).into_response()
}

fn not_served(message: &str) -> Response {
    Failure::from(ClientError::new(ErrorClass::NotFound, ErrorCode::ServiceNotFound, message)).into_response()
}

pub(crate) async fn no_graphql() -> Response {
    not_served("GraphQL is not served")
}

pub(crate) async fn no_sync() -> Response {
    not_served("device sync is not served")
}

/// The response to a request whose handler panicked; the client receives no details.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Failure::from(ClientError::internal("a request panicked")).into_response()
}
