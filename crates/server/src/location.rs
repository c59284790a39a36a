use axum::extract::{Extension, Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::applications::State;
use crate::peer::Client;
use crate::reply::{Reply, json_reply};
use crate::request::{base, host};

/// Returns the address of an application, which clients request before anything else.
pub(crate) async fn location(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Reply {
    state.api(&app)?;
    let hostname = base(host(&headers), &client, state.options());
    let ws_hostname = hostname.replacen("http", "ws", 1);
    let body = json!({
        "deployment_model": "GLOBAL",
        "location": "US-VA",
        "hostname": hostname,
        "ws_hostname": ws_hostname,
    });
    Ok(json_reply(StatusCode::OK, &body))
}
