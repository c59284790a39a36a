//! Registration, confirmation and reset. These requests need no token, and one that is sent is ignored. They never answer 401, because
//! clients would then refresh their token and repeat the request.

use axum::body::Bytes;
use axum::extract::{Extension, Path, State as Extract};
use axum::http::StatusCode;
use portcullis::json::Node;

use crate::applications::State;
use crate::peer::Client;
use crate::rate_limits::Attempt;
use crate::reply::{Reply, empty};
use crate::request::{array, body, text};

pub(crate) async fn register(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let (email, password) = (text(body.as_ref(), "email")?, text(body.as_ref(), "password")?);
    state.check(&app, &client, Attempt::Register)?;
    api.register(email, password).await?;
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
    api.confirm(token, id).await?;
    Ok(empty(StatusCode::OK))
}

/// What a mail brought. What is not there is a token that nobody has.
fn tokens(body: Option<&Node>) -> (&str, &str) {
    let token = |name: &str| body.and_then(|body| body.get(name)).and_then(Node::as_str).unwrap_or_default();
    (token("token"), token("tokenId"))
}

pub(crate) async fn send_confirmation(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = text(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(email))?;
    api.send_confirmation(email).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn call_confirmation(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = text(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(email))?;
    api.call_confirmation(email).await?;
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
    let (token, id) = tokens(body);
    api.reset(token, id, text(body, "password")?).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn send_reset(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let email = text(body.as_ref(), "email")?;
    state.check(&app, &client, Attempt::Mail(email))?;
    api.send_reset(email).await?;
    Ok(empty(StatusCode::OK))
}

pub(crate) async fn call_reset(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    bytes: Bytes,
) -> Reply {
    let (api, body) = (state.api(&app)?, body(&bytes)?);
    let (email, password) = (text(body.as_ref(), "email")?, text(body.as_ref(), "password")?);
    state.check(&app, &client, Attempt::Mail(email))?;
    api.call_reset(email, password, array(body.as_ref(), "arguments")?).await?;
    Ok(empty(StatusCode::OK))
}
