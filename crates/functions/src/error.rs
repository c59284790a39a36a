use thiserror::Error;

use crate::ConsoleLine;

/// Why a call has no result. The message is for clients; the fields are for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no function of this name.
    #[error("function not found: '{0}'")]
    NotFound(String),
    /// It is private and was called by a client, who gets the same error as for one that does not exist.
    #[error("function not found: '{0}'")]
    Private(String),
    /// `can_evaluate` does not hold, or fails.
    #[error("rule not matched for function \"{0}\"")]
    RuleNotMatched(String),
    /// There is no user under whose rules the function may run.
    #[error("function \"{function}\" cannot run as configured")]
    RunAsRefused {
        /// The function.
        function: String,
        /// Why, for the log.
        reason: String,
    },
    /// The function cannot run: its source is missing or was rejected.
    #[error("function \"{function}\" cannot be loaded")]
    NotRunnable {
        /// The function.
        function: String,
        /// Why, for the log.
        reason: String,
    },
    /// The function threw, or its result is not a value.
    #[error("{}", .0.message)]
    Failed(Box<Failure>),
    /// The time is over.
    #[error("execution time limit exceeded")]
    TimedOut {
        /// Its console output until then; empty if the engine had to be abandoned.
        console: Vec<ConsoleLine>,
    },
    /// More calls are waiting than the application allows: HTTP status 429.
    #[error("too many requests")]
    Busy,
    /// Arguments, headers and body are larger than the limit together.
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

    /// The HTTP status that belongs to it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound(_) | Self::Private(_) => 404,
            Self::Busy => 429,
            Self::Engine(_) => 500,
            _ => 400,
        }
    }

    /// What the function wrote to its console before it failed.
    #[must_use]
    pub fn console(&self) -> &[ConsoleLine] {
        match self {
            Self::Failed(failure) => &failure.console,
            Self::TimedOut { console } => console,
            _ => &[],
        }
    }
}

/// How a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `ReferenceError: 'unknown' is not defined`, or what else was thrown.
    pub message: String,
    /// Where, in the author's file.
    pub position: Option<Position>,
    /// What it wrote to the console until then.
    pub console: Vec<ConsoleLine>,
}

/// A place in the author's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file, relative to the application directory.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}
