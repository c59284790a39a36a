use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use portcullis::json::Node;
use portcullis_service::client::KeyView;
use serde_json::{Value, json};

use crate::applications::State;
use crate::reply::{Reply, empty, json_reply};
use crate::request::{bearer, body};
use crate::to_the_end::to_the_end;

fn shown(key: &KeyView) -> Value {
    json!({ "_id": key.id, "name": key.name, "disabled": key.is_disabled })
}

pub(crate) async fn list(Extract(state): Extract<State>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?;
    let keys: Vec<Value> = state.api_of(token)?.keys(token).await?.iter().map(shown).collect();
    Ok(json_reply(StatusCode::OK, &Value::Array(keys)))
}

pub(crate) async fn create(Extract(state): Extract<State>, headers: HeaderMap, bytes: Bytes) -> Reply {
    let token = bearer(&headers)?.to_owned();
    let body = body(&bytes)?;
    let name = body.as_ref().and_then(|body| body.get("name")).and_then(Node::as_str).map(str::to_owned);
    let api = state.api_of(&token)?;
    let made = to_the_end(&state, async move { api.create_key(&token, name.as_deref()).await }).await?;
    let reply = json!({ "_id": made.id, "key": made.key, "name": made.name, "disabled": false });
    Ok(json_reply(StatusCode::CREATED, &reply))
}

pub(crate) async fn get(Extract(state): Extract<State>, Path(id): Path<String>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?;
    Ok(json_reply(StatusCode::OK, &shown(&state.api_of(token)?.key(token, &id).await?)))
}

pub(crate) async fn delete(Extract(state): Extract<State>, Path(id): Path<String>, headers: HeaderMap) -> Reply {
    let token = bearer(&headers)?.to_owned();
    let api = state.api_of(&token)?;
    to_the_end(&state, async move { api.delete_key(&token, &id).await }).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) async fn enable(state: Extract<State>, id: Path<String>, headers: HeaderMap) -> Reply {
    set(&state, &id, &headers, false).await
}

pub(crate) async fn disable(state: Extract<State>, id: Path<String>, headers: HeaderMap) -> Reply {
    set(&state, &id, &headers, true).await
}

async fn set(state: &State, id: &str, headers: &HeaderMap, is_disabled: bool) -> Reply {
    let (token, id) = (bearer(headers)?.to_owned(), id.to_owned());
    let api = state.api_of(&token)?;
    to_the_end(state, async move { api.set_key_disabled(&token, &id, is_disabled).await }).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
