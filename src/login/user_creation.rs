use thiserror::Error;

use crate::future::BoxFuture;
use crate::text::OneLine;
use crate::user::User;

/// The user-creation function, `on_user_creation_function_name`, which is called before a new user gets the first
/// token.
///
/// It is called at each login until it has succeeded. It may therefore be called more than once: if two first logins
/// coincide, or if the process ends before the success is recorded. Custom data that it writes is contained in the
/// first token.
pub trait UserCreation: Send + Sync {
    /// Handles a new user, whose custom data has not been looked up.
    fn user_created<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), UserCreationRefused>>;
}

/// The user-creation function rejected the user, or it failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the user-creation function `{}` refuses the user: {}", OneLine(function), OneLine(message))]
pub struct UserCreationRefused {
    /// The function's name.
    pub function: String,
    /// The error message of the function.
    pub message: String,
}

/// Stands in for a user-creation function that the application names but the host does not provide. It rejects all new
/// users.
#[derive(Clone, Debug)]
pub struct FunctionMissing {
    function: String,
}

impl FunctionMissing {
    /// Creates a stand-in for the function with this name.
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
