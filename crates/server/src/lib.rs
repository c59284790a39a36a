//! Serves the client API of App Services over HTTP, so that unchanged client SDKs can log in, read custom data and access
//! collections. Paths, bodies, error texts and codes are those of App Services. What requests do is implemented in
//! [`portcullis_service::client`].
//!
//! ```no_run
//! # async fn serve(applications: Vec<portcullis_service::client::ClientApi>) -> std::io::Result<()> {
//! use portcullis_server::{Options, State};
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let state = State::new(applications, Options::default());
//! portcullis_server::serve(listener, state, None, std::future::pending()).await
//! # }
//! ```

mod access;
mod applications;
mod around;
mod auth;
mod cors;
mod data;
mod data_api;
mod endpoints;
#[cfg(test)]
mod hang_ups;
mod head;
mod incoming;
mod keys;
mod listener;
mod location;
mod metrics;
mod observe;
mod passwords;
mod peer;
mod rate_limits;
mod ready;
mod reply;
mod request;
mod streams;
mod tls;
mod to_the_end;
mod tries;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post, put};
use tower::service_fn;

pub use access::AccessKey;
pub use applications::{Options, State};
pub use listener::serve;
pub use metrics::{metrics, serve_metrics};
pub use rate_limits::RateLimits;
pub use tls::{Tls, TlsError};

/// The largest body of a call, in bytes.
///
/// Source: the limits of App Services, for arguments, headers and body together.
pub const MAX_BODY: usize = 18 * 1024 * 1024;

/// The largest body of a request to an endpoint, in bytes. Functions receive it unchanged.
pub const MAX_REQUEST: usize = MAX_BODY;

/// The largest body of any other request, in bytes. Third-party tokens have at most a million characters.
const MAX_OTHER_BODY: usize = 1_200_000;

/// The routes of the client API for the applications of a state.
pub fn app(state: State) -> Router {
    let routes = application_routes("/api/client/v2.0/app/{app}", &state).merge(user_routes("/api/client/v2.0/auth"));
    let routes = routes.merge(endpoint_routes("/app/{app}/endpoint"));
    let has_keys = !state.options().access_keys.is_empty();
    let routes = if has_keys { routes.merge(access_routes()) } else { routes };
    let routes = routes
        .route_layer(from_fn(observe::note_route))
        .method_not_allowed_fallback(reply::wrong_method)
        .fallback(reply::unknown_path)
        .layer(DefaultBodyLimit::max(MAX_OTHER_BODY))
        .route("/healthz", get(ready::health))
        .route("/readyz", get(ready::ready))
        .route("/groups/{group}/apps/{app}/logs", get(observe::log_of_request))
        .with_state(state.clone());
    // The code around the routes handles every request before its path is matched.
    Router::new().fallback_service(service_fn(move |request| around::answer(state.clone(), routes.clone(), request)))
}

/// The routes whose path names the application.
fn application_routes(at: &str, state: &State) -> Router<State> {
    let large = from_fn_with_state(state.clone(), request::bound_body);

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
        .route(
            &path("/functions/call"),
            post(data::call).layer(DefaultBodyLimit::max(MAX_BODY)).layer(large).get(data::stream),
        )
        .route(
            &path("/service/{service}/incoming_webhook/{webhook}"),
            any(endpoints::webhook)
                .layer(DefaultBodyLimit::max(MAX_REQUEST))
                .layer(from_fn(request::bound_body_of_strangers)),
        )
        .route(&path("/graphql"), any(reply::no_graphql))
        .route(&path("/realm-sync"), any(reply::no_sync))
        .route(
            &path("/push/providers/{service}/registration"),
            put(reply::no_push_service).delete(reply::no_push_service),
        )
}

/// The routes of the Data API and of HTTPS endpoints.
fn endpoint_routes(at: &str) -> Router<State> {
    Router::new()
        .route(
            &format!("{at}/data/{{version}}/action/{{action}}"),
            post(data_api::act).layer(DefaultBodyLimit::max(MAX_BODY)),
        )
        .route(at, any(endpoints::at_root))
        .route(&format!("{at}/"), any(endpoints::at_root))
        .route(&format!("{at}/{{*route}}"), any(endpoints::at_route))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .route_layer(from_fn(request::bound_body_of_strangers))
}

/// The routes for other rule engines.
fn access_routes() -> Router<State> {
    let large = || DefaultBodyLimit::max(MAX_BODY);
    Router::new()
        .route("/.well-known/authzen-configuration", get(access::configuration))
        .route("/access/v1/evaluation", post(access::evaluate).layer(large()))
        .route("/access/v1/evaluations", post(access::evaluate_all).layer(large()))
        .route("/access/v1/search/resource", post(access::search_resources))
}

/// The routes on which the token names the application.
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
