//! Registration, confirmation and password reset. These requests need no token and ignore one that is sent. They never
//! respond with 401, because clients would then refresh their token and repeat the request.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Path, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use portcullis::json::Node;
use portcullis_service::client::{ClientApi, ClientError};

use crate::applications::State;
use crate::peer::Client;
use crate::rate_limits::Attempt;
use crate::reply::{Failure, Reply, empty};
use crate::request::{array, body, text};
use crate::to_the_end::to_the_end;

/// A request of a client who is not logged in.
pub(crate) struct Form {
    state: State,
    client: Client,
    app: String,
    api: Arc<ClientApi>,
    body: Option<Node>,
}

impl FromRequest<State> for Form {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &State) -> Result<Self, Response> {
        let Extension(client) = request.extract_parts().await.map_err(IntoResponse::into_response)?;
        let Path(app): Path<String> = request.extract_parts().await.map_err(IntoResponse::into_response)?;
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let read = || Ok::<_, ClientError>((state.api(&app)?, body(&bytes)?));
        let (api, body) = read().map_err(|error| Failure::from(error).into_response())?;
        Ok(Self { state: state.clone(), client, app, api, body })
    }
}

impl Form {
    /// An owned string, for work that may outlive the request.
    fn text(&self, name: &str) -> Result<String, ClientError> {
        text(self.body.as_ref(), name).map(str::to_owned)
    }

    /// The token and its ID, as a link in a mail contains them. If one is missing, it is empty, which no valid token is.
    fn tokens(&self) -> (String, String) {
        let body = self.body.as_ref();
        let token = |name: &str| body.and_then(|body| body.get(name)?.as_str()).unwrap_or_default().to_owned();
        (token("token"), token("tokenId"))
    }

    /// Does the work unless there were too many such attempts.
    async fn attempt<F>(
        self,
        attempt: Attempt<'_>,
        success: StatusCode,
        work: impl FnOnce(Arc<ClientApi>) -> F,
    ) -> Reply
    where
        F: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        self.state.check(&self.app, &self.client, attempt)?;
        to_the_end(&self.state, work(self.api)).await?;
        Ok(empty(success))
    }
}

pub(crate) async fn register(form: Form) -> Reply {
    let (email, password) = (form.text("email")?, form.text("password")?);
    let work = |api: Arc<ClientApi>| async move { api.register(&email, &password).await };
    form.attempt(Attempt::Register, StatusCode::CREATED, work).await
}

pub(crate) async fn confirm(form: Form) -> Reply {
    let (token, id) = form.tokens();
    let work = |api: Arc<ClientApi>| async move { api.confirm(&token, &id).await };
    form.attempt(Attempt::Redeem, StatusCode::OK, work).await
}

pub(crate) async fn send_confirmation(form: Form) -> Reply {
    let email = form.text("email")?;
    let address = email.clone();
    let work = |api: Arc<ClientApi>| async move { api.send_confirmation(&email).await };
    form.attempt(Attempt::Mail(&address), StatusCode::OK, work).await
}

pub(crate) async fn call_confirmation(form: Form) -> Reply {
    let email = form.text("email")?;
    let address = email.clone();
    let work = |api: Arc<ClientApi>| async move { api.call_confirmation(&email).await };
    form.attempt(Attempt::Mail(&address), StatusCode::OK, work).await
}

pub(crate) async fn reset(form: Form) -> Reply {
    let ((token, id), password) = (form.tokens(), form.text("password")?);
    let work = |api: Arc<ClientApi>| async move { api.reset(&token, &id, &password).await };
    form.attempt(Attempt::Redeem, StatusCode::OK, work).await
}

pub(crate) async fn send_reset(form: Form) -> Reply {
    let email = form.text("email")?;
    let address = email.clone();
    let work = |api: Arc<ClientApi>| async move { api.send_reset(&email).await };
    form.attempt(Attempt::Mail(&address), StatusCode::OK, work).await
}

pub(crate) async fn call_reset(form: Form) -> Reply {
    let (email, password) = (form.text("email")?, form.text("password")?);
    let arguments = array(form.body.as_ref(), "arguments")?.to_vec();
    let address = email.clone();
    let work = |api: Arc<ClientApi>| async move { api.call_reset(&email, &password, &arguments).await };
    form.attempt(Attempt::Mail(&address), StatusCode::OK, work).await
}
