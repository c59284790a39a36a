use std::sync::Arc;

use portcullis::User;
use portcullis::endpoint::{RunAs, Validation};
use portcullis_functions::{Call, Entry as CallEntry, RunAsAnswer};

use super::answering::http_request;
use super::caller::{Callers, refused};
use super::credentials::Credentials;
use super::incoming::Incoming;
use crate::client::{ClientApi, ClientError, ErrorClass};
use crate::functions::client_error;

/// The user that a request's function sees and, if its script has been run, whom it runs as.
pub(super) struct Seen {
    pub(super) user: User,
    pub(super) chosen: Option<RunAsAnswer>,
}

impl From<User> for Seen {
    fn from(user: User) -> Self {
        Self { user, chosen: None }
    }
}

impl ClientApi {
    /// The user that a function sees if it does not run as its caller, so that no credentials are needed: the caller, if
    /// the request has credentials, or else the user that the function runs as.
    ///
    /// # Errors
    /// The request has credentials that are invalid, or the user that the function runs as is unknown or disabled.
    pub(super) async fn seen(
        self: &Arc<Self>,
        run_as: &RunAs,
        script: &str,
        callers: Callers,
        incoming: &Incoming<'_>,
        validation: &Validation,
    ) -> Result<Seen, ClientError> {
        if matches!(run_as, RunAs::System | RunAs::Caller) {
            return Ok(self.optional_caller(callers, incoming).await?.unwrap_or_else(User::system).into());
        }
        if let Some(credentials) = Credentials::of_headers(incoming)? {
            return Ok(self.caller(credentials, callers, incoming).await?.into());
        }
        match run_as {
            RunAs::User(id) => Ok(self.named_user(id, callers).await?.into()),
            _ => {
                let call = Call::new(script, Vec::new(), CallEntry::Webhook, User::system());
                let chosen = self.chosen(call.with_http(http_request(incoming, validation)), incoming).await?;
                Ok(Seen { user: self.chosen_user(&chosen, callers).await?, chosen: Some(chosen) })
            }
        }
    }

    /// The user of an access token, if the request has a valid one. Functions that run as the system may define headers
    /// of their own, `Authorization` included, so what is no access token does not end in an error.
    async fn optional_caller(
        self: &Arc<Self>,
        callers: Callers,
        incoming: &Incoming<'_>,
    ) -> Result<Option<User>, ClientError> {
        let Ok(Some(credentials @ Credentials::Bearer(_))) = Credentials::of_headers(incoming) else {
            return Ok(None);
        };
        match self.caller(credentials, callers, incoming).await {
            Ok(user) => Ok(Some(user)),
            Err(error) if error.class == ErrorClass::Internal => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The answer of a `run_as_user_id_script_source`, which sees the request as `context.request`.
    pub(super) async fn chosen(&self, script: Call, incoming: &Incoming<'_>) -> Result<RunAsAnswer, ClientError> {
        let called = self.functions.call(script.with_request(incoming.request("")?)).await;
        let returned = called.map_err(|error| match client_error(&error) {
            error if error.class == ErrorClass::BadRequest => {
                // The call log contains what it threw, without passwords and tokens.
                refused(error.private.as_deref().unwrap_or("run_as_user_id_script_source failed"))
            }
            error => error,
        })?;
        RunAsAnswer::read(&returned.value).map_err(|reason| refused(&format!("run_as_user_id_script_source: {reason}")))
    }

    /// The user that a script has chosen.
    pub(super) async fn chosen_user(&self, chosen: &RunAsAnswer, callers: Callers) -> Result<User, ClientError> {
        match chosen {
            RunAsAnswer::System => Ok(User::system()),
            RunAsAnswer::User(id) => self.named_user(id, callers).await,
        }
    }
}
