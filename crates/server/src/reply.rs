//! What is written of a reply. Clients compare the type of JSON replies for equality, and take an empty reply for none only if it has
//! no type at all.

use std::any::Any;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portcullis_service::client::{ClientError, ErrorClass, ErrorCode};
use serde_json::{Value, json};

/// A JSON reply.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [kind], body.to_string()).into_response()
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    status.into_response()
}

/// A failure on its way out.
pub(crate) struct Failure(pub(crate) ClientError);

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self(error)
    }
}

/// What a request ends in.
pub(crate) type Reply = Result<Response, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = match error.class {
            ErrorClass::BadRequest => StatusCode::BAD_REQUEST,
            ErrorClass::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorClass::Forbidden => StatusCode::FORBIDDEN,
            ErrorClass::NotFound => StatusCode::NOT_FOUND,
            ErrorClass::Conflict => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let code = error.code.map_or("", ErrorCode::name);
        let private = error.private.as_deref().unwrap_or("");
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code, private, "{}", error.message);
        } else {
            tracing::debug!(code, private, "{}", error.message);
        }
        json_reply(status, &body_of(&error))
    }
}

fn body_of(error: &ClientError) -> Value {
    let mut body = json!({ "error": error.message });
    if let (Some(code), Value::Object(members)) = (error.code, &mut body) {
        members.insert("error_code".to_owned(), json!(code.name()));
    }
    body
}

pub(crate) async fn wrong_method() -> Response {
    json_reply(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "method not allowed" }))
}

pub(crate) async fn unknown_path() -> Response {
    json_reply(StatusCode::NOT_FOUND, &json!({ "error": "not found" }))
}

pub(crate) async fn no_push_service(Path((_, service)): Path<(String, String)>) -> Response {
    let shown: String = service.chars().take(128).collect();
    let message = format!("service not found: '{shown}'");
    Failure(ClientError::new(ErrorClass::NotFound, ErrorCode::ServiceNotFound, message)).into_response()
}

/// A request that ended in a panic, of which the client learns nothing.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Failure(ClientError::internal("a request panicked")).into_response()
}

/// A failure that did not come from the routes, as a body that is too large, has a text: clients read JSON.
pub(crate) async fn as_json(response: Response) -> Response {
    let status = response.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !is_failure || kind.is_some_and(|kind| kind == "application/json") {
        return response;
    }
    json_reply(status, &json!({ "error": status.canonical_reason().unwrap_or("failed").to_lowercase() }))
}
