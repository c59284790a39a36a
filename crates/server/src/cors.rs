//! Cross-origin requests from browsers. Tokens are sent in headers, so no cookies are at risk.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use portcullis_service::client::{ClientApi, ClientError, ErrorClass, ErrorCode};

use crate::applications::State;
use crate::reply::Failure;
use crate::request::bearer;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, Accept, Cache-Control");
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Baas-Location");

pub(crate) async fn answer(state: &State, request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return match *request.method() {
            Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
            _ => next(request).await,
        };
    };
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = if !is_allowed(state, &request, &origin) {
        let message = "the origin is not among the allowed request origins";
        Failure::from(ClientError::new(ErrorClass::Forbidden, ErrorCode::DomainNotAllowed, message)).into_response()
    } else if request.method() == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    } else {
        next(request).await
    };
    share(response.headers_mut(), origin);
    response
}

fn share(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Whether an origin is allowed by the application that the path names or, failing that, the token. A request with
/// neither, such as a preflight request, is allowed: the actual request is checked by its token.
fn is_allowed(state: &State, request: &Request, origin: &HeaderValue) -> bool {
    let path = request.uri().path();
    let named = path.strip_prefix("/api/client/v2.0/app/").or_else(|| path.strip_prefix("/app/"));
    let named = named.and_then(|rest| rest.split('/').next());
    // Decoded in the same way as by the routes.
    let named = named.map(|named| percent_decode_str(named).decode_utf8_lossy().into_owned());
    let id = named.or_else(|| bearer(request.headers()).ok().and_then(ClientApi::application_of));
    let Some(application) = id.and_then(|id| state.find(&id)) else { return true };
    let is_listed = |known: &Vec<String>| known.iter().any(|known| known.as_bytes() == origin.as_bytes());
    application.origins.as_ref().is_none_or(is_listed)
}
