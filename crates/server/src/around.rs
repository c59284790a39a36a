//! Wraps the routes: observes each request, limits its time, catches its panics, and compresses its reply.

use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Extension, FromRequest as _, Path, Request, State as Extract};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::timeout::TimeoutBody;

use crate::access::EVALUATION;
use crate::applications::State;
use crate::data::{CALLS, application_called};
use crate::observe::{RequestId, Route};
use crate::peer::Client;
use crate::reply::{is_compressed, panicked};
use crate::request::{Received, has_small_body};
use crate::{access, cors, data, observe};

/// The time that a request may take in addition to a function call: for receiving and admitting it. A call that takes
/// too long must reach its own limit first, so that the client learns the reason.
pub(crate) const BESIDES_CALLS: Duration = Duration::from_secs(60);

/// The longest pause while a body is received.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers a request with the routes. The code around them is a single future: layers would be cloned, and their
/// futures boxed, one by one for each request.
pub(crate) async fn answer(state: State, routes: Router, request: Request) -> Result<Response, Infallible> {
    let patience = state.patience();
    let routed = async |request| guarded(&state, routes, request, patience).await;
    let shared = async |request| cors::answer(&state, request, routed).await;
    Ok(observe::observe(&state, request, shared).await)
}

/// Answers with the routes. The most frequent requests bypass them, since the router clones and boxes each of its
/// layers for each request.
async fn routed(state: &State, routes: Router, request: Request) -> Response {
    let (client, id) = (request.extensions().get::<Client>(), request.extensions().get::<RequestId>());
    if let (Some(client), Some(id)) = (client, id)
        && request.method() == Method::POST
        && has_small_body(&request)
    {
        let (client, id, path) = (client.clone(), id.clone(), request.uri().path());
        if let Some(app) = application_called(path) {
            let (state, app) = (state.clone(), app.to_owned());
            let call = async move {
                let received = Received::from_request(request, &state).await.map_err(IntoResponse::into_response)?;
                let call = data::call(Extract(state), Extension(client), Extension(id), Path(app), received);
                Ok(call.await.into_response())
            };
            return noted(Box::pin(call).await, CALLS);
        }
        if path == EVALUATION && !state.options().access_keys.is_empty() {
            let state = state.clone();
            let evaluation = async move {
                let received = Received::from_request(request, &state).await.map_err(IntoResponse::into_response)?;
                Ok(access::evaluate(Extract(state), received).await.into_response())
            };
            return noted(Box::pin(evaluation).await, EVALUATION);
        }
    }
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn noted(response: Result<Response, Response>, route: &'static str) -> Response {
    let mut response = response.unwrap_or_else(|rejection| rejection);
    response.extensions_mut().insert(Route::Known(route));
    response
}

async fn guarded(state: &State, routes: Router, request: Request, patience: Duration) -> Response {
    let encodings: Vec<HeaderValue> = request.headers().get_all(header::ACCEPT_ENCODING).iter().cloned().collect();
    let request = request.map(|body| match body.is_end_stream() {
        true => body,
        false => Body::new(TimeoutBody::new(BODY_READ_TIMEOUT, body)),
    });
    let routed = AssertUnwindSafe(routed(state, routes, request)).catch_unwind();
    let mut response = match tokio::time::timeout(patience, routed).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    // The routes set this header for every response, even for those without content.
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if is_compressed(&response) { compressed(response, encodings).await } else { response }
}

/// Compresses a reply if the client accepts that.
async fn compressed(response: Response, encodings: Vec<HeaderValue>) -> Response {
    let mut request = Request::new(Body::empty());
    request.headers_mut().extend(encodings.into_iter().map(|encodings| (header::ACCEPT_ENCODING, encodings)));
    let mut response = Some(response);
    // The service is called only once.
    let replied = service_fn(move |_: Request| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
    match CompressionLayer::new().compress_when(SizeAbove::new(0)).layer(replied).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}
