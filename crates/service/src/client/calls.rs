//! Client calls of functions and of actions on data sources.

use std::sync::Arc;

use bson::Bson;
use portcullis::User;
use portcullis::access::KnownUser;
use portcullis::eval::Request;
use portcullis::json::{self, Kind, Member, Node};
use portcullis_functions::{Call, Entry};

use super::{ClientApi, ClientError};
use crate::data::{Asker, Outcome};
use crate::functions::client_error;

impl ClientApi {
    /// Executes a call, `{"name", "arguments", "service"}`, for a user whom [`bearer`](Self::bearer) returned.
    /// `request` is the HTTP request that contained the call. Returns the result as BSON.
    ///
    /// # Errors
    /// See [`outcome_of`](Self::outcome_of).
    pub async fn call(
        &self,
        user: Arc<KnownUser>,
        request: Option<Request>,
        call: Option<&Node>,
    ) -> Result<Bson, ClientError> {
        self.outcome_of(user, request, call.cloned()).await?.into_value()
    }

    /// Like [`call`](Self::call), but documents that were found are returned undecoded.
    ///
    /// # Errors
    /// The call is malformed, there is no such function or action, it is not permitted, or it fails.
    pub async fn outcome_of(
        &self,
        user: Arc<KnownUser>,
        request: Option<Request>,
        call: Option<Node>,
    ) -> Result<Outcome, ClientError> {
        let invalid = ClientError::invalid_call;
        let Some(Kind::Object(members)) = call.map(|call| call.kind) else { return Err(invalid()) };
        let (mut name, mut arguments, mut service) = (None, None, None);
        for Member { key, value, .. } in members {
            match key.as_str() {
                "name" => name = Some(value.kind),
                "arguments" => arguments = Some(value.kind),
                "service" => service = Some(value.kind),
                _ => {}
            }
        }
        let Some(Kind::String(name)) = name else { return Err(invalid()) };
        let arguments = match arguments {
            None | Some(Kind::Null) => Vec::new(),
            Some(Kind::Array(arguments)) => arguments,
            Some(_) => return Err(invalid()),
        };
        let asker = Asker { user, request };
        match service {
            // Boxed, since otherwise the futures of actions would be as large.
            None | Some(Kind::Null) => Ok(Box::pin(self.call_function(asker, &name, &arguments)).await?.into()),
            Some(Kind::String(service)) => self.act(&asker, &service, &name, arguments.into_iter().next()).await,
            Some(_) => Err(invalid()),
        }
    }

    /// Calls a function of the application for a user.
    async fn call_function(&self, asker: Asker, name: &str, arguments: &[Node]) -> Result<Bson, ClientError> {
        let arguments = values(arguments)?;
        let mut call = Call::new(name, arguments, Entry::Client, User::clone(&asker.user));
        if let Some(request) = asker.request {
            call = call.with_request(request);
        }
        Ok(self.functions.call(call).await.map_err(|error| client_error(&error))?.value)
    }
}

/// Parses the extended JSON of a client's arguments.
pub(super) fn values(nodes: &[Node]) -> Result<Vec<Bson>, ClientError> {
    nodes.iter().map(json::to_bson).collect::<Result<_, _>>().map_err(|_| ClientError::invalid_call())
}
