use std::time::Duration;

use axum::extract::State as Extract;
use axum::http::StatusCode;
use portcullis_service::client::{ClientError, ErrorClass};

use crate::applications::State;
use crate::reply::{Reply, empty};

/// How long the stores may take to respond.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Responds as long as the process runs.
pub(crate) async fn health() -> StatusCode {
    StatusCode::OK
}

/// Responds with success if the stores of every application respond, too.
pub(crate) async fn ready(Extract(state): Extract<State>) -> Reply {
    let asked = async {
        for application in state.all() {
            application.api.check_stores().await?;
        }
        Ok::<_, ClientError>(())
    };
    let unavailable = |private: String| {
        let mut error = ClientError::plain(ErrorClass::Unavailable, "a store does not answer");
        error.private = Some(private);
        error
    };
    match tokio::time::timeout(STORE_TIMEOUT, asked).await {
        Ok(Ok(())) => Ok(empty(StatusCode::OK)),
        Ok(Err(error)) => Err(unavailable(error.private.unwrap_or(error.message)).into()),
        Err(_) => Err(unavailable("no answer in time".to_owned()).into()),
    }
}
