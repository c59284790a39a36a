//! The client API of App Services over HTTP, so that unchanged client SDKs log in, read their custom data and reach their collections.
//! The paths, bodies, texts and codes are those of the original service; the meaning is in
//! [`portcullis_service::client`].
//!
//! ```no_run
//! # async fn serve(applications: Vec<portcullis_service::client::ClientApi>) -> std::io::Result<()> {
//! use portcullis_server::{Options, State, app};
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let state = State::new(applications, Options::default());
//! portcullis_server::serve(listener, app(state), std::future::pending()).await
//! # }
//! ```

mod applications;
mod auth;
mod cors;
mod data;
mod keys;
mod location;
mod passwords;
mod reply;
mod request;

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{delete, get, post, put};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

pub use applications::{Options, State};

/// How large the body of a call may be, in bytes: as much as is read as JSON, 16 MiB.
pub const MAX_BODY: usize = portcullis::json::MAX_SIZE;

/// How large the body of any other request may be, in bytes. A third party's token has a million characters at most.
const MAX_OTHER_BODY: usize = 1_200_000;

/// How long requests that have begun are waited for when the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The routes of the client API for the applications of a state.
pub fn app(state: State) -> Router {
    let routes = application_routes("/api/client/v2.0/app/{app}").merge(user_routes("/api/client/v2.0/auth"));
    let routes = routes
        .method_not_allowed_fallback(reply::wrong_method)
        .fallback(reply::unknown_path)
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(MAX_OTHER_BODY));
    let health = || async { StatusCode::OK };
    // What stands around the routes sees every request before its path is matched.
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(health))
        .fallback_service(routes)
        .layer(CatchPanicLayer::custom(reply::panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
        .layer(map_response(reply::as_json))
        .layer(from_fn_with_state(state, cors::answer))
        .layer(from_fn(request::one_slash))
}

/// The routes that name an application.
fn application_routes(at: &str) -> Router<State> {
    let path = |rest: &str| format!("{at}{rest}");
    let password = |rest: &str| format!("{at}/auth/providers/local-userpass/{rest}");
    Router::new()
        .route(&path("/location"), get(location::location))
        .route(&path("/auth/providers/{provider}/login"), post(auth::log_in))
        .route(&password("register"), post(passwords::register))
        .route(&password("confirm"), post(passwords::confirm))
        .route(&password("confirm/send"), post(passwords::send_confirmation))
        .route(&password("confirm/call"), post(passwords::call_confirmation))
        .route(&password("reset"), post(passwords::reset))
        .route(&password("reset/send"), post(passwords::send_reset))
        .route(&password("reset/call"), post(passwords::call_reset))
        .route(&path("/functions/call"), post(data::call).layer(DefaultBodyLimit::max(MAX_BODY)).get(data::stream))
        .route(
            &path("/push/providers/{service}/registration"),
            put(reply::no_push_service).delete(reply::no_push_service),
        )
}

/// The routes whose token names the application.
fn user_routes(at: &str) -> Router<State> {
    let path = |rest: &str| format!("{at}{rest}");
    Router::new()
        .route(&path("/session"), post(auth::refresh).delete(auth::log_out))
        .route(&path("/profile"), get(auth::profile))
        .route(&path("/delete"), delete(auth::delete_user))
        .route(&path("/api_keys"), get(keys::list).post(keys::create))
        .route(&path("/api_keys/{id}"), get(keys::get).delete(keys::delete))
        .route(&path("/api_keys/{id}/enable"), put(keys::enable))
        .route(&path("/api_keys/{id}/disable"), put(keys::disable))
}

/// Serves until `stop` is there, and then what has begun, for ten seconds at most: a stream has no end of its own.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let stop = async move {
        stop.await;
        drop(stopping);
    };
    let late = async {
        let _ = stopped.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(stop) => served,
        () = late => Ok(()),
    }
}
