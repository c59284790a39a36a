//! Logins by a function of the application, which identifies the user from what the client sends.

use bson::{Bson, Document, doc};
use portcullis::auth::ProviderType;
use portcullis::json::{self, Kind, Node};
use portcullis::store::Identity;
use portcullis_functions::{CallError, Entry};

use super::logins::{Proof, Proven};
use super::{ClientApi, ClientError, ErrorClass, ErrorCode};
use crate::functions::client_error;

/// The longest ID that such a function may return, in bytes.
const MAX_ID: usize = 1024;

impl ClientApi {
    /// The identity that the function returns for a payload.
    pub(super) async fn identify_by_function(&self, payload: Option<&Node>) -> Result<Proven, ClientError> {
        let function = self.providers.login_function.as_deref().unwrap_or_default();
        let payload = credentials(payload)?;
        let returned = self.functions.call_as_system(function, vec![Bson::Document(payload)], Entry::Login).await;
        let returned = returned.map_err(|error| refused(&error))?;
        let identity = identity(returned.value).ok_or_else(|| ClientError {
            private: Some(format!("the function '{function}' returned neither an id nor an object with one")),
            ..ClientError::unauthorized(ErrorCode::AuthError)
        })?;
        Ok(Proven { identity, proof: Proof::Function })
    }
}

/// The client's payload, without the data that SDKs add about the device.
fn credentials(payload: Option<&Node>) -> Result<Document, ClientError> {
    let wrong = || ClientError::bad(ErrorCode::BadRequest, "the credentials must be a document");
    let Some(payload) = payload else { return Ok(Document::new()) };
    let members = payload.as_object().ok_or_else(wrong)?;
    let kept = members.iter().filter(|member| member.key != "options").cloned().collect();
    json::to_document(&Node { span: payload.span, kind: Kind::Object(kept) }).map_err(|_| wrong())
}

/// The identity that a function returned: a string, or `{"id": …, "name"?: …}`.
fn identity(value: Bson) -> Option<Identity> {
    let (id, name) = match value {
        Bson::String(id) => (id, None),
        Bson::Document(mut found) => {
            let name = found.get_str("name").ok().map(str::to_owned);
            match found.remove("id") {
                Some(Bson::String(id)) => (id, name),
                _ => return None,
            }
        }
        _ => return None,
    };
    let data = name.map_or_else(Document::new, |name| doc! { "name": name });
    let is_id = !id.is_empty() && id.len() <= MAX_ID;
    is_id.then_some(Identity { provider_type: ProviderType::CustomFunction, id, data })
}

/// The error if the function fails. If it throws, the client receives the message.
fn refused(error: &CallError) -> ClientError {
    match error {
        CallError::Failed(failure) => {
            ClientError::new(ErrorClass::Unauthorized, ErrorCode::AuthError, thrown(&failure.message))
        }
        CallError::Busy => client_error(error),
        error => {
            let private = client_error(error).private.or_else(|| Some(error.to_string()));
            ClientError { private, ..ClientError::unauthorized(ErrorCode::AuthError) }
        }
    }
}

/// The message of an error, without the name of its class.
fn thrown(failure: &str) -> &str {
    let is_class = |name: &str| name.ends_with("Error") && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    failure.split_once(": ").filter(|(name, _)| is_class(name)).map_or(failure, |(_, message)| message)
}

#[cfg(test)]
mod tests {
    use bson::{Bson, bson, doc};

    use super::{identity, thrown};

    #[test]
    fn clients_receive_the_thrown_message() {
        assert_eq!(thrown("Error: no: not you"), "no: not you");
        assert_eq!(thrown("TypeError: x"), "x");
        assert_eq!(thrown("An Error: x"), "An Error: x");
        assert_eq!(thrown("no"), "no");
    }

    #[test]
    fn only_a_nonempty_string_is_an_id() {
        assert_eq!(identity("ada".into()).unwrap().id, "ada");
        let named = identity(bson!({ "id": "ada", "name": "Ada" })).unwrap();
        assert_eq!((named.id.as_str(), named.data), ("ada", doc! { "name": "Ada" }));
        for none in
            [bson!(""), bson!(7), bson!({}), bson!({ "id": 7 }), bson!({ "id": "" }), bson!(["ada"]), Bson::Null]
        {
            assert!(identity(none.clone()).is_none(), "{none}");
        }
    }
}
