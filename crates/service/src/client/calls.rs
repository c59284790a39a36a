//! Client calls of functions and of actions on data sources.

use std::sync::Arc;

use bson::Bson;
use portcullis::User;
use portcullis::access::KnownUser;
use portcullis::eval::Request;
use portcullis::json::{self, Kind, Node};
use portcullis_functions::{Call, Entry};

use super::{ClientApi, ClientError};
use crate::data::Asker;
use crate::functions::told;

impl ClientApi {
    /// Executes a call, `{"name", "arguments", "service"}`, for a user whom [`bearer`](Self::bearer) returned.
    /// `request` is the HTTP request that contained the call. Returns the result as BSON.
    ///
    /// # Errors
    /// There is no such function or action, or it is not permitted or fails.
    pub async fn call(
        &self,
        user: Arc<KnownUser>,
        request: Option<Request>,
        call: Option<&Node>,
    ) -> Result<Bson, ClientError> {
        let invalid = ClientError::invalid_call;
        let call = call.ok_or_else(invalid)?;
        let name = call.get("name").and_then(Node::as_str).ok_or_else(invalid)?;
        let arguments = match call.get("arguments").map(|node| &node.kind) {
            None | Some(Kind::Null) => &[],
            Some(Kind::Array(arguments)) => arguments.as_slice(),
            Some(_) => return Err(invalid()),
        };
        let asker = Asker { user, request };
        match call.get("service").map(|node| &node.kind) {
            // Boxed, so that the future of an action is not as large as that of a function call.
            None | Some(Kind::Null) => Box::pin(self.call_function(asker, name, arguments)).await,
            Some(Kind::String(service)) => self.act(&asker, service, name, arguments.first()).await,
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
        Ok(self.functions.call(call).await.map_err(|error| told(&error))?.value)
    }
}

/// Parses the extended JSON of a client's arguments.
pub(super) fn values(nodes: &[Node]) -> Result<Vec<Bson>, ClientError> {
    nodes.iter().map(json::to_bson).collect::<Result<_, _>>().map_err(|_| ClientError::invalid_call())
}
