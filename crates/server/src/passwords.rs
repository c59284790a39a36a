//! Registration, confirmation and password reset. These requests need no token and ignore one that is sent. They never
//! respond with 401, because clients would then refresh their token and repeat the request.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State as Extract};
use axum::http::StatusCode;
use portcullis::json::Node;
use portcullis_service::client::ClientError;

use crate::applications::State;
use crate::peer::Client;
use crate::rate_limits::Attempt;
use crate::reply::{Reply, empty};
use crate::request::{array, body, text};
use crate::to_the_end::to_the_end;

/// An owned string from a body, for work that may outlive the request.
fn owned(body: Option<&Node>, name: &str) -> Result<String, ClientError> {
    text(body, name).map(str::to_owned)
}

pub(crate) async fn register(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let (email, password) = (owned(body.as_ref(), "email")?, owned(body.as_ref(), "password")?);
    state.check(&app, &client, Attempt::Register)?;
    to_the_end(&state, async move { api.register(&email, &password).await }).await?;
    Ok(empty(StatusCode::CREATED))
}

pub(crate) async fn confirm(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let (token, id) = tokens(body.as_ref());
    state.check(&app, &client, Attempt::Redeem)?;
    to_the_end(&state, async move { api.confirm(&token, &id).await }).await?;
    Ok(empty(StatusCode::OK))
}

/// The token and its ID, as a link in a mail contains them. If one is missing, it is empty, which no valid token is.
fn tokens(body: Option<&Node>) -> (String, String) {
    let token = |name: &str| body.and_then(|body| body.get(name)?.as_str()).unwrap_or_default().to_owned();
    (token("token"), token("tokenId"))
}

pub(crate) async fn send_confirmation(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = owned(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(&email))?;
    to_the_end(&state, async move { api.send_confirmation(&email).await }).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn call_confirmation(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = owned(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(&email))?;
    to_the_end(&state, async move { api.call_confirmation(&email).await }).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn reset(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let body = body.as_ref();
    state.check(&app, &client, Attempt::Redeem)?;
    let ((token, id), password) = (tokens(body), owned(body, "password")?);
    to_the_end(&state, async move { api.reset(&token, &id, &password).await }).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn send_reset(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = owned(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(&email))?;
    to_the_end(&state, async move { api.send_reset(&email).await }).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn call_reset(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let (email, password) = (owned(body.as_ref(), "email")?, owned(body.as_ref(), "password")?);
    let arguments = array(body.as_ref(), "arguments")?.to_vec();
    state.check(&app, &client, Attempt::Mail(&email))?;
    to_the_end(&state, async move { api.call_reset(&email, &password, &arguments).await }).await?;
    Ok(empty(StatusCode::OK))
}
