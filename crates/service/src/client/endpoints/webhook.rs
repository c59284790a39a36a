use std::sync::Arc;

use portcullis::endpoint::{Method, ReturnType, RunAs};
use portcullis::{User, json};
use portcullis_functions::{Entry as CallEntry, Library};

use super::answering::Answering;
use super::caller::Callers;
use super::credentials::{self, Credentials};
use super::entries::Entry;
use super::incoming::Incoming;
use super::reply::HttpReply;
use super::run_as::Seen;
use super::validation::validate;
use crate::client::{ClientApi, ClientError, ErrorClass, ErrorCode};
use crate::data::Asker;

/// The header with the signature of a request to a webhook.
const HOOK_SIGNATURE: &str = "X-Hook-Signature";

/// The largest body that is searched for credentials, in bytes: it is parsed before its sender is known.
const MAX_CREDENTIALS: usize = 64 * 1024;

impl ClientApi {
    /// Handles a request to an incoming webhook of an older application.
    ///
    /// # Errors
    /// There is no such webhook, the request is rejected, or the function fails.
    pub async fn webhook(
        self: &Arc<Self>,
        service: &str,
        name: &str,
        incoming: &Incoming<'_>,
    ) -> Result<HttpReply, ClientError> {
        let absent = || {
            let shown: String = name.chars().take(128).collect();
            let message = format!("incoming webhook not found: '{shown}'");
            ClientError::new(ErrorClass::NotFound, ErrorCode::IncomingWebhookNotFound, message)
        };
        let config = match self.entries.webhook(service, name) {
            None | Some(Entry::Absent) => return Err(absent()),
            Some(Entry::Refused(refusal)) => {
                return Err(refusal.error(ErrorCode::IncomingWebhookAuthFailed, absent()));
            }
            Some(Entry::Served(config)) => config,
        };
        if !Method::from_name(&incoming.method).is_some_and(|method| config.methods.take(method)) {
            return Err(ClientError::wrong_method());
        }
        validate(&config.validation, HOOK_SIGNATURE, incoming, &self.data.secrets).map_err(|reason| {
            let mut error = ClientError::unauthorized(ErrorCode::IncomingWebhookAuthFailed);
            error.private = Some(reason.to_owned());
            error
        })?;
        let function = Library::webhook(service, name);
        let callers = Callers { creates: config.creates_users, fetches_custom_data: config.fetches_custom_data };
        let Seen { user, chosen } = match &config.run_as {
            RunAs::Caller => self.webhook_caller(callers, incoming).await?.into(),
            run_as => {
                self.seen(run_as, &Library::run_as_script(&function), callers, incoming, &config.validation).await?
            }
        };
        let asker = Asker::new(user, Some(incoming.request("")?));
        self.meet(&config.can_evaluate, &asker, name).await?;
        let answering = Answering {
            function: &function,
            entry: CallEntry::Webhook,
            validation: &config.validation,
            responds_result: config.responds_result,
            return_type: ReturnType::Json,
        };
        answering.answer(self, incoming, asker, chosen).await
    }

    /// The user whose credentials are in the headers or in the body. Credentials in both are an error.
    async fn webhook_caller(self: &Arc<Self>, callers: Callers, incoming: &Incoming<'_>) -> Result<User, ClientError> {
        let body = (incoming.body.len() <= MAX_CREDENTIALS).then(|| json::parse_bytes(incoming.body).ok()).flatten();
        let given = match (Credentials::of_headers(incoming)?, Credentials::of_body(body.as_ref())?) {
            (Some(_), Some(_)) => return Err(credentials::several()),
            (given, other) => given.or(other).ok_or_else(credentials::missing)?,
        };
        self.caller(given, callers, incoming).await
    }
}
