use thiserror::Error;

use crate::future::BoxFuture;
use crate::text::OneLine;
use crate::user::User;

/// Called for a new user before the first token is issued: the function in `on_user_creation_function_name`.
///
/// It is called at each login until it has succeeded once; so more than once if two first logins coincide, or if the
/// process ends before the success is recorded. Custom data that it writes is in the first token.
pub trait UserCreation: Send + Sync {
    /// A user was created, whose custom data has not been looked up.
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>>;
}

/// The user-creation function rejected the user, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the user-creation function `{}` refuses the user: {}", OneLine(function), OneLine(message))]
pub struct UserCreationRefused {
    /// The function's name.
    pub function: String,
    /// Its message.
    pub message: String,
}

/// Takes the place of a function that the application names but the host does not have: new users are rejected.
#[derive(Clone, Debug)]
pub struct FunctionMissing {
    function: String,
}

impl FunctionMissing {
    /// The function of this name.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into() }
    }
}

impl UserCreation for FunctionMissing {
    fn user_created<'a>(&'a self, _: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>> {
        let message = "no function runtime is available".to_owned();
        Box::pin(async move { Err(UserCreationRefused { function: self.function.clone(), message }) })
    }
}
