use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::request::Parts;
use portcullis_service::client::{ClientError, ErrorCode, HttpReply};
use portcullis_service::heavy::apart;

use crate::applications::State;
use crate::incoming::incoming;
use crate::peer::Client;
use crate::reply::{Reply, http_reply};
use crate::tries::PasswordTries;

/// Handles requests to the endpoint with the route `/`.
pub(crate) async fn at_root(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path(app): Path<String>,
    parts: Parts,
    bytes: Bytes,
) -> Reply {
    endpoint(&state, &client, &app, &parts, "/".to_owned(), &bytes).await
}

/// Handles requests to endpoints with any other route.
pub(crate) async fn at_route(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path((app, route)): Path<(String, String)>,
    parts: Parts,
    bytes: Bytes,
) -> Reply {
    endpoint(&state, &client, &app, &parts, format!("/{route}"), &bytes).await
}

async fn endpoint(state: &State, client: &Client, app: &str, parts: &Parts, route: String, bytes: &Bytes) -> Reply {
    let api = state.api(app)?;
    let tries = PasswordTries::new(state, app, client);
    let incoming = incoming(parts, client, route, bytes, &tries);
    let answer = apart(bytes.len(), api.endpoint(&incoming)).await?;
    answered(state, &tries, answer)
}

/// Handles requests to an incoming webhook of an older application.
pub(crate) async fn webhook(
    Extract(state): Extract<State>,
    Extension(client): Extension<Client>,
    Path((app, service, webhook)): Path<(String, String, String)>,
    parts: Parts,
    bytes: Bytes,
) -> Reply {
    let api = state.api(&app)?;
    let tries = PasswordTries::new(&state, &app, &client);
    let route = format!("/service/{service}/incoming_webhook/{webhook}");
    let incoming = incoming(&parts, &client, route, &bytes, &tries);
    let answer = apart(bytes.len(), api.webhook(&service, &webhook, &incoming)).await?;
    answered(&state, &tries, answer)
}

/// The response, or the error. If configured for development, the error includes the details that otherwise go only to
/// the log.
fn answered(state: &State, tries: &PasswordTries<'_>, answer: Result<HttpReply, ClientError>) -> Reply {
    let shows = state.options().shows_function_errors;
    let answer = answer.map_err(|error| match error {
        ClientError { code: Some(ErrorCode::FunctionExecutionError), private: Some(ref private), .. } if shows => {
            ClientError { message: private.clone(), ..error }
        }
        error => error,
    });
    Ok(http_reply(answer.map_err(|error| tries.failure(error))?))
}
