use std::sync::Arc;

use portcullis::User;
use portcullis::endpoint::{DataApiConfig, RunAs};
use portcullis::json::Node;
use portcullis_functions::{Call, Entry as CallEntry, Library};

use super::caller::Callers;
use super::credentials::Credentials;
use super::data_actions::DataAction;
use super::entries::Entry;
use super::form::Form;
use super::incoming::Incoming;
use super::reply::HttpReply;
use super::validation::{ENDPOINT_SIGNATURE, validate};
use crate::client::{ClientApi, ClientError, ErrorClass, ErrorCode};
use crate::data::Asker;

/// An admitted request to the Data API whose body has not been read yet.
pub struct DataApiCall<'a> {
    api: &'a ClientApi,
    action: DataAction,
    asker: Asker,
    form: Form,
}

impl ClientApi {
    /// Admits a request to the Data API: `POST …/endpoint/data/{version}/action/{action}`.
    ///
    /// # Errors
    /// There is no such version or action, or the request is rejected.
    pub async fn data_api<'a>(
        self: &'a Arc<Self>,
        version: &str,
        action: &str,
        incoming: &Incoming<'_>,
    ) -> Result<DataApiCall<'a>, ClientError> {
        let absent = || ClientError::plain(ErrorClass::NotFound, "not found");
        let config = match &self.entries.data_api {
            Entry::Absent => return Err(absent()),
            Entry::Refused(refusal) => return Err(refusal.error(ErrorCode::AuthError, absent())),
            Entry::Served(config) => config,
        };
        let action = DataAction::from_name(action).ok_or_else(absent)?;
        if !config.versions.iter().any(|served| served == version) {
            return Err(absent());
        }
        validate(&config.validation, ENDPOINT_SIGNATURE, incoming, &self.data.secrets).map_err(|reason| {
            let mut error = ClientError::unauthorized(ErrorCode::AuthError);
            error.private = Some(reason.to_owned());
            error
        })?;
        let user = self.data_api_user(config, incoming).await?;
        let asker = Asker::new(user, Some(incoming.request(action.name())?));
        self.meet(&config.can_evaluate, &asker, action.name()).await?;
        Ok(DataApiCall { api: self, action, asker, form: Form::wanted(incoming, config.return_type) })
    }

    /// The user with whose permissions documents are read and written.
    async fn data_api_user(
        self: &Arc<Self>,
        config: &DataApiConfig,
        incoming: &Incoming<'_>,
    ) -> Result<User, ClientError> {
        let callers = Callers { creates: config.creates_users, fetches_custom_data: config.fetches_custom_data };
        match &config.run_as {
            RunAs::System => Ok(User::system()),
            RunAs::User(id) => self.named_user(id, callers).await,
            RunAs::Script(_) => self.scripted_user(callers, incoming).await,
            RunAs::Caller => match Credentials::of_headers(incoming)? {
                Some(credentials) => self.caller(credentials, callers, incoming).await,
                None => {
                    let text = "no authentication methods were specified";
                    Err(ClientError::bad(ErrorCode::InvalidParameter, text))
                }
            },
        }
    }
}

impl ClientApi {
    /// The user chosen by the Data API's script. No authentication is needed: the script sees the request as
    /// `context.request`. It has no arguments, since the body is read only after it has decided.
    async fn scripted_user(&self, callers: Callers, incoming: &Incoming<'_>) -> Result<User, ClientError> {
        let call = Call::new(Library::data_api_script(), Vec::new(), CallEntry::Webhook, User::system());
        let chosen = self.chosen(call, incoming).await?;
        self.chosen_user(&chosen, callers).await
    }
}

impl DataApiCall<'_> {
    /// Executes the request with its body.
    ///
    /// # Errors
    /// The body is invalid, or the action is not permitted or fails.
    pub async fn answer(self, body: Option<&Node>) -> Result<HttpReply, ClientError> {
        let Self { api, action, asker, form } = self;
        let body = body.filter(|body| body.as_object().is_some());
        let body = body.ok_or_else(|| ClientError::bad(ErrorCode::BadRequest, "the body must be a JSON object"))?;
        Ok(HttpReply::result(action.carry_out(api, &asker, body).await?, form))
    }
}
