use std::sync::Arc;

use bson::{Bson, Document};
use portcullis::login::{UserCreation, UserCreationRefused};
use portcullis::{BoxFuture, User};
use portcullis_functions::{CallError, Entry};

use super::{Functions, private};

/// The user creation function of an application. Its result is ignored; if it throws, the user is not created.
pub(crate) struct CreationFunction {
    functions: Arc<Functions>,
    name: String,
}

impl CreationFunction {
    /// Uses the function with this name.
    pub(crate) fn new(functions: Arc<Functions>, name: impl Into<String>) -> Self {
        Self { functions, name: name.into() }
    }
}

/// The user object passed to the function, which has no custom data yet.
fn argument(user: &User) -> Bson {
    let mut object: Document = user.to_document();
    object.remove("custom_data");
    Bson::Document(object)
}

impl UserCreation for CreationFunction {
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        Box::pin(async move {
            let called = self.functions.call_as_system(&self.name, vec![argument(user)], Entry::UserCreation).await;
            called.map(drop).map_err(|error| UserCreationRefused {
                function: self.name.clone(),
                message: match &error {
                    // What it threw may repeat what is known of the user: the log of functions tells it, without passwords.
                    CallError::Failed(_) => private(&error).unwrap_or_else(|| "it failed".to_owned()),
                    error => error.to_string(),
                },
            })
        })
    }
}
