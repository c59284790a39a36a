use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::request::Parts;
use portcullis_service::heavy::apart;

use crate::applications::State;
use crate::incoming::incoming;
use crate::peer::Client;
use crate::reply::{Compressible, Reply, http_reply};
use crate::request::large_body;
use crate::tries::PasswordTries;

/// Handles an action of the Data API.
pub(crate) async fn act(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path((app, version, action)): Path<(String, String, String)>,
    parts: Parts,
    bytes: Bytes,
) -> Reply {
    let api = state.api(&app)?;
    let tries = PasswordTries::new(&state, &app, &client);
    let route = format!("/data/{version}/action/{action}");
    // The body is parsed only after the request has been admitted.
    let incoming = incoming(&parts, &client, route, &bytes, &tries);
    let call = api.data_api(&version, &action, &incoming).await.map_err(|error| tries.failure(error))?;
    let body = large_body(bytes.clone()).await?;
    let answer = apart(bytes.len(), call.answer(body.as_ref())).await?;
    Ok(Compressible::mark(http_reply(answer?)))
}
