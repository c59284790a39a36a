use thiserror::Error;

use crate::future::BoxFuture;
use crate::text::OneLine;
use crate::user::User;

/// What is done for a new user before the first token: the function that `on_user_creation_function_name` names.
///
/// It is called again at the next login until it has succeeded once, so more than once where two first logins meet, or
/// where the process ends between the call and the note that it succeeded. Custom data that it writes is in the first token.
pub trait UserCreation: Send + Sync {
    /// The user was made. Its custom data has not been looked up.
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>>;
}

/// The user-creation function rejected the user, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the user-creation function `{}` refuses the user: {}", OneLine(function), OneLine(message))]
pub struct UserCreationRefused {
    /// The function's name.
    pub function: String,
    /// What it says.
    pub message: String,
}

/// Stands for a function that the application names and the host lacks: new users are rejected.
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
