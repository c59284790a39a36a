use portcullis::auth::token::TokenError;
use portcullis::login::LoginError;
use portcullis::store::{StoreError, UsersError};
use thiserror::Error;

/// The error that a client receives for a failed request. Texts and codes are those of App Services, by which clients
/// distinguish errors.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct ClientError {
    /// The kind of error.
    pub class: ErrorClass,
    /// The error code, if the error has one.
    pub code: Option<ErrorCode>,
    /// The code of the error in MongoDB, if MongoDB or the embedded store reported one that may be told. Functions see
    /// it; clients do not.
    pub mongodb_code: Option<i32>,
    /// The message for the client. It contains no secrets.
    pub message: String,
    /// Details that only the log may contain.
    pub private: Option<String>,
}

/// The classes of errors, which determine the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request is invalid or was not executed.
    BadRequest,
    /// The token or the credentials are rejected.
    Unauthorized,
    /// The client lacks permission.
    Forbidden,
    /// The requested item does not exist.
    NotFound,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The item exists already.
    Conflict,
    /// The client has exceeded a rate limit.
    TooManyRequests,
    /// The service is temporarily unable to handle the request.
    Unavailable,
    /// The service failed unexpectedly.
    Internal,
}

macro_rules! codes {
    ($($name:ident),+ $(,)?) => {
        /// Error codes, by which clients distinguish errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the names are the contract")]
        pub enum ErrorCode { $($name),+ }

        impl ErrorCode {
            /// The code as sent to clients.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

codes! {
    APIKeyAlreadyExists, APIKeyNotFound, AccountNameInUse, AuthError, AuthProviderNotFound, BadRequest, DomainNotAllowed,
    ExecutionTimeLimitExceeded, FunctionExecutionError, FunctionNotFound, IncomingWebhookAuthFailed,
    IncomingWebhookNotFound, InternalServerError, InvalidParameter, InvalidPassword, InvalidSession,
    MissingParameter, MongoDBError, NoMatchingRuleFound, ReadSizeLimitExceeded, SchemaValidationFailedWrite,
    ServiceCommandNotFound, ServiceNotFound, ServiceTypeNotFound, UserAlreadyConfirmed, UserAppDomainMismatch, UserDisabled,
    UserNotFound, UserpassTokenInvalid,
}

impl ClientError {
    /// An error with a code.
    pub fn new(class: ErrorClass, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { class, code: Some(code), mongodb_code: None, message: message.into(), private: None }
    }

    /// An error without a code.
    pub fn plain(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, code: None, mongodb_code: None, message: message.into(), private: None }
    }

    /// The error for an invalid request.
    pub fn bad(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::BadRequest, code, message)
    }

    /// The error for a call that names no function or action, or whose arguments are malformed.
    #[must_use]
    pub fn invalid_call() -> Self {
        Self::bad(ErrorCode::BadRequest, "invalid function call request")
    }

    /// The error for a rejected login. The client is not told the reason.
    #[must_use]
    pub fn unauthorized(code: ErrorCode) -> Self {
        Self::new(ErrorClass::Unauthorized, code, "unauthorized")
    }

    /// The error for a session that has ended or is invalid.
    #[must_use]
    pub fn session(message: &str) -> Self {
        Self::new(ErrorClass::Unauthorized, ErrorCode::InvalidSession, message)
    }

    /// The error for a request whose method the path does not support.
    #[must_use]
    pub fn wrong_method() -> Self {
        Self::plain(ErrorClass::MethodNotAllowed, "method not allowed")
    }

    /// An internal error; the client receives no details.
    #[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it an error")]
    pub fn internal(private: impl ToString) -> Self {
        let mut error = Self::new(ErrorClass::Internal, ErrorCode::InternalServerError, "internal server error");
        error.private = Some(private.to_string());
        error
    }

    /// The error for a rejected token.
    #[must_use]
    pub fn of_token(error: &LoginError, kind: TokenKind) -> Self {
        match error {
            LoginError::Token(TokenError::Expired { .. }) => Self::session(match kind {
                TokenKind::Access => "invalid session: access token expired",
                TokenKind::Refresh => "invalid session: refresh token expired",
            }),
            LoginError::Token(TokenError::RefreshAsAccess | TokenError::AccessAsRefresh) => {
                Self::session("invalid refresh token: incorrect token type")
            }
            LoginError::Token(TokenError::ApplicationOther(_)) => {
                Self::new(ErrorClass::Unauthorized, ErrorCode::UserAppDomainMismatch, "the token is of another app")
            }
            LoginError::Token(_) => Self::plain(
                ErrorClass::Unauthorized,
                match kind {
                    TokenKind::Access => "unauthorized",
                    TokenKind::Refresh => "signature is invalid",
                },
            ),
            LoginError::SessionEnded | LoginError::UserUnknown(_) | LoginError::UserExpired(_) => {
                Self::session("invalid session: failed to find refresh token")
            }
            LoginError::UserDisabled(_) => {
                Self::new(ErrorClass::Unauthorized, ErrorCode::UserDisabled, "user disabled")
            }
            error => Self::internal(error),
        }
    }

    /// The error for a rejected login.
    #[must_use]
    pub fn of_login(error: &LoginError) -> Self {
        let mut rejected = match error {
            LoginError::UserDisabled(_) => Self::unauthorized(ErrorCode::UserDisabled),
            error if error.is_refusal() => Self::unauthorized(ErrorCode::AuthError),
            error => return Self::internal(error),
        };
        rejected.private = Some(error.to_string());
        rejected
    }

    /// The error for an identity that cannot be linked.
    #[must_use]
    pub fn of_link(error: &LoginError) -> Self {
        match error {
            LoginError::Users(UsersError::IdentityTaken { .. }) => Self::new(
                ErrorClass::Unauthorized,
                ErrorCode::AuthError,
                "unauthorized: the credentials belong to another user",
            ),
            LoginError::Users(UsersError::SecondIdentity(_)) => Self::new(
                ErrorClass::Unauthorized,
                ErrorCode::AuthError,
                "unauthorized: the user has an email identity already",
            ),
            error => Self::of_login(error),
        }
    }
}

/// The two tokens of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The access token, which authenticates requests.
    Access,
    /// The refresh token, which obtains new access tokens.
    Refresh,
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}
