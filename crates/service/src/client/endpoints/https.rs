use std::sync::Arc;

use portcullis::endpoint::{Method, RunAs};
use portcullis_functions::{Entry as CallEntry, Library};

use super::answering::Answering;
use super::caller::Callers;
use super::credentials::{self, Credentials};
use super::entries::{Entry, Found};
use super::incoming::Incoming;
use super::reply::HttpReply;
use super::run_as::Seen;
use super::validation::{ENDPOINT_SIGNATURE, validate};
use crate::client::{ClientApi, ClientError, ErrorClass, ErrorCode};
use crate::data::Asker;

impl ClientApi {
    /// Handles a request to an HTTPS endpoint, `…/endpoint{route}`.
    ///
    /// # Errors
    /// There is no such endpoint, the request is rejected, or the function fails.
    pub async fn endpoint(self: &Arc<Self>, incoming: &Incoming<'_>) -> Result<HttpReply, ClientError> {
        let endpoint = match self.entries.endpoint(&incoming.route, Method::from_name(&incoming.method)) {
            Found::Nothing | Found::Entry(Entry::Absent) => {
                return Err(ClientError::plain(ErrorClass::NotFound, "not found"));
            }
            Found::OtherMethod => return Err(ClientError::wrong_method()),
            Found::Entry(Entry::Refused(refusal)) => {
                let absent = ClientError::plain(ErrorClass::NotFound, "not found");
                return Err(refusal.error(ErrorCode::AuthError, absent));
            }
            Found::Entry(Entry::Served(endpoint)) => endpoint,
        };
        let config = &endpoint.config;
        validate(&config.validation, ENDPOINT_SIGNATURE, incoming, &self.data.secrets).map_err(|reason| {
            let mut error = ClientError::unauthorized(ErrorCode::AuthError);
            error.private = Some(reason.to_owned());
            error
        })?;
        let callers = Callers { creates: config.creates_users, fetches_custom_data: config.fetches_custom_data };
        let Seen { user, chosen } = match &endpoint.run_as {
            RunAs::Caller => {
                let given = Credentials::of_headers(incoming)?.ok_or_else(credentials::missing)?;
                self.caller(given, callers, incoming).await?.into()
            }
            run_as => {
                let script = Library::run_as_script(&config.function);
                self.seen(run_as, &script, callers, incoming, &config.validation).await?
            }
        };
        let asker = Asker::new(user, Some(incoming.request("")?));
        self.meet(&config.can_evaluate, &asker, &config.function).await?;
        let answering = Answering {
            function: &config.function,
            entry: CallEntry::Endpoint,
            validation: &config.validation,
            responds_result: config.responds_result,
            return_type: config.return_type,
        };
        answering.answer(self, incoming, asker, chosen).await
    }
}
