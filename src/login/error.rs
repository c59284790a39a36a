use thiserror::Error;

use super::UserCreationRefused;
use crate::auth::token::{IssueError, TokenError};
use crate::auth::{AssembleError, CustomDataError};
use crate::store::{LookUpError, StoreError, UsersError};
use crate::text::OneLine;

/// Why a login or a token is rejected, or failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// There is no provider of this name that accepts tokens.
    #[error("the application has no provider `{}` that accepts tokens", OneLine(.0))]
    ProviderUnknown(String),
    /// The provider is disabled.
    #[error("the provider `{}` is disabled", OneLine(.0))]
    ProviderDisabled(String),
    /// Anonymous logins are not enabled.
    #[error("anonymous login is disabled: enable the provider `anon-user`")]
    AnonymousRefused,
    /// A token of a third party, or one issued by Portcullis, is invalid.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The claims do not result in a user.
    #[error("{0}")]
    Assemble(#[from] AssembleError),
    /// The user-creation function rejected the user or could not be called.
    #[error("{0}")]
    UserCreation(#[from] UserCreationRefused),
    /// The user is disabled.
    #[error("the user `{}` is disabled", OneLine(.0))]
    UserDisabled(String),
    /// The user was deleted or never existed.
    #[error("there is no user `{}`", OneLine(.0))]
    UserUnknown(String),
    /// The anonymous user has expired.
    #[error("the account of the anonymous user `{}` has expired, after 90 days without a login", OneLine(.0))]
    UserExpired(String),
    /// The session has expired or was ended, by the user or by an administrator.
    #[error("invalid session: it has ended; log in again")]
    SessionEnded,
    /// The requested change to a user is impossible.
    #[error("{0}")]
    Users(UsersError),
    /// The store of users or sessions failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The user's custom-data document cannot be used.
    #[error("{0}")]
    CustomData(CustomDataError),
    /// A token for the user cannot be issued.
    #[error("{0}")]
    Issue(#[from] IssueError),
}

impl LoginError {
    /// Whether this is a rejection. If not, the outcome is unknown, because a store cannot be reached or contains
    /// invalid data.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Store(_)
                | Self::CustomData(_)
                | Self::Issue(_)
                | Self::Token(TokenError::Jwks(_) | TokenError::JwksNotConnected)
        )
    }
}

impl From<UsersError> for LoginError {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::Store(error) => Self::Store(error),
            UsersError::Unknown(id) => Self::UserUnknown(id),
            UsersError::IdentityTaken { .. } | UsersError::SecondIdentity(_) => Self::Users(error),
        }
    }
}

impl From<LookUpError> for LoginError {
    fn from(error: LookUpError) -> Self {
        match error {
            LookUpError::Store(error) => Self::Store(error),
            LookUpError::Document(error) => Self::CustomData(error),
        }
    }
}
