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
        let mut call = Call::new(name, values(arguments)?, Entry::Client, User::clone(&asker.user));
        if let Some(request) = asker.request {
            call = call.with_request(request);
        }
        let returned = self.functions.call(call).await.map_err(|error| client_error(&error))?;
        Ok(match returned.value {
            Bson::Int64(number) if returned.is_computed && are_int32(arguments) => {
                i32::try_from(number).map_or(Bson::Int64(number), Bson::Int32)
            }
            value => value,
        })
    }
}

/// Whether a client declared the numbers in its arguments as int32, and there is at least one. The client SDKs with typed
/// numbers expect the sum of such arguments as int32, although functions compute int64.
fn are_int32(arguments: &[Node]) -> bool {
    let has = |is: fn(&Node) -> bool| arguments.iter().any(|argument| contains(argument, is));
    has(|node| node.get("$numberInt").is_some())
        && !has(|node| {
            matches!(node.kind, Kind::Number(_))
                || ["$numberLong", "$numberDouble", "$numberDecimal"].iter().any(|key| node.get(key).is_some())
        })
}

/// Whether a value is such a value, or contains one.
fn contains(node: &Node, is: fn(&Node) -> bool) -> bool {
    is(node)
        || match &node.kind {
            Kind::Array(elements) => elements.iter().any(|element| contains(element, is)),
            Kind::Object(members) => members.iter().any(|member| contains(&member.value, is)),
            _ => false,
        }
}

/// Parses the extended JSON of a client's arguments.
pub(super) fn values(nodes: &[Node]) -> Result<Vec<Bson>, ClientError> {
    nodes.iter().map(json::to_bson).collect::<Result<_, _>>().map_err(|_| ClientError::invalid_call())
}
