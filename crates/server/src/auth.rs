use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use portcullis::json::Node;
use portcullis_service::client::LoginReply;
use serde_json::json;

use crate::applications::State;
use crate::peer::Client;
use crate::rate_limits::Attempt;
use crate::reply::{Reply, empty, json_reply};
use crate::request::{bearer, large_body};
use crate::to_the_end::to_the_end;

/// The largest login payload, in bytes, unless it contains a third-party token.
const MAX_LOGIN_PAYLOAD: usize = 16 * 1024;

pub(crate) async fn log_in(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path((app, provider)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Reply {
    let api = state.api(&app)?;
    if bytes.len() > MAX_LOGIN_PAYLOAD {
        // Parsing it takes work, so it counts as an attempt before the account is known.
        state.check(&app, &client, Attempt::Redeem)?;
    }
    let payload = large_body(bytes).await?;
    let account = payload.as_ref().and_then(|payload| payload.get("username")).and_then(Node::as_str);
    let attempt = if provider == "anon-user" { Attempt::Register } else { Attempt::LogIn(account) };
    state.check(&app, &client, attempt)?;
    let links = query.iter().any(|(name, value)| name == "link" && value == "true");
    let token = links.then(|| bearer(&headers).map(str::to_owned)).transpose()?;
    let work = async move {
        match token {
            Some(token) => api.link(&token, &provider, payload.as_ref()).await,
            None => api.log_in(&provider, payload.as_ref()).await,
        }
    };
    let LoginReply { access_token, refresh_token, user_id, device_id } = to_the_end(&state, work).await?;
    let reply = json!({
        "access_token": access_token,
        "refresh_token": refresh_token,
        "user_id": user_id,
        "device_id": device_id,
    });
    Ok(json_reply(StatusCode::OK, &reply))
}

pub(crate) async fn refresh(Extract(state): Extract<State>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?;
    let access_token = state.api_of(token)?.refresh(token).await?;
    Ok(json_reply(StatusCode::CREATED, &json!({ "access_token": access_token })))
}

pub(crate) async fn log_out(Extract(state): Extract<State>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?;
    state.api_of(token)?.log_out(token).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) async fn profile(Extract(state): Extract<State>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?;
    Ok(json_reply(StatusCode::OK, &state.api_of(token)?.profile(token).await?))
}

pub(crate) async fn delete_user(Extract(state): Extract<State>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?.to_owned();
    let api = state.api_of(&token)?;
    to_the_end(&state, async move { api.delete_user(&token).await }).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
