use thiserror::Error;

use crate::ConsoleLine;

/// Why a call failed. The message may be shown to clients; the fields are for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The function does not exist.
    #[error("function not found: '{0}'")]
    NotFound(String),
    /// The function is private and was called by a client, which gets the same error as if it did not exist.
    #[error("function not found: '{0}'")]
    Private(String),
    /// `can_evaluate` does not hold, or could not be evaluated.
    #[error("rule not matched for function \"{0}\"")]
    RuleNotMatched(String),
    /// The settings of the function designate no user that it may run as.
    #[error("function \"{function}\" cannot run as configured")]
    RunAsRefused {
        /// The function.
        function: String,
        /// The reason, for the log.
        reason: String,
        /// The console output of the function's script.
        console: Vec<ConsoleLine>,
    },
    /// The function cannot run: its source is missing or was rejected.
    #[error("function \"{function}\" cannot be loaded")]
    NotRunnable {
        /// The function.
        function: String,
        /// The reason, for the log.
        reason: String,
    },
    /// The function threw, or its result cannot be converted to BSON.
    #[error("{}", .0.message)]
    Failed(Box<Failure>),
    /// The call reached its time limit.
    #[error("execution time limit exceeded")]
    TimedOut {
        /// Its console output until then; empty if its thread had to be abandoned.
        console: Vec<ConsoleLine>,
    },
    /// Too many calls are waiting already: HTTP status 429.
    #[error("too many requests")]
    Busy,
    /// Arguments, headers and body exceed the size limit together.
    #[error("the arguments of function \"{0}\" are too large")]
    ArgumentsTooLarge(String),
    /// The engine could not be started, or ended without a result.
    #[error("internal error")]
    Engine(String),
}

impl CallError {
    /// The `error_code` that clients see.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::Private(_) => "FunctionNotFound",
            Self::TimedOut { .. } => "ExecutionTimeLimitExceeded",
            Self::ArgumentsTooLarge(_) => "BadRequest",
            Self::Busy => "TooManyRequests",
            Self::Engine(_) => "InternalServerError",
            _ => "FunctionExecutionError",
        }
    }

    /// The corresponding HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) | Self::Private(_) => 404,
            Self::Busy => 429,
            Self::Engine(_) => 500,
            _ => 400,
        }
    }

    /// The console output until the failure.
    #[must_use]
    pub fn console(&self) -> &[ConsoleLine] {
        match self {
            Self::Failed(failure) => &failure.console,
            Self::TimedOut { console } | Self::RunAsRefused { console, .. } => console,
            _ => &[],
        }
    }
}

/// Details of the failure of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The message of the thrown value: `ReferenceError: 'unknown' is not defined`.
    pub message: String,
    /// The position in the author's source, if known.
    pub position: Option<Position>,
    /// The console output until the failure.
    pub console: Vec<ConsoleLine>,
}

/// A position in the author's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file, relative to the application directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}
