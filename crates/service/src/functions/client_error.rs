use portcullis_functions::CallError;

use crate::client::{ClientError, ErrorClass, ErrorCode};

/// The most characters of a client-supplied name that an error repeats.
const MAX_SHOWN: usize = 128;

/// The error that a client receives for a failed call.
pub(crate) fn client_error(error: &CallError) -> ClientError {
    let message = error.to_string();
    let mut shown_error = match error {
        CallError::NotFound(name) | CallError::Private(name) => {
            let shown: String = name.chars().take(MAX_SHOWN).collect();
            let message = format!("function not found: '{shown}'");
            ClientError::new(ErrorClass::NotFound, ErrorCode::FunctionNotFound, message)
        }
        CallError::TimedOut { .. } => ClientError::bad(ErrorCode::ExecutionTimeLimitExceeded, message),
        CallError::ArgumentsTooLarge(_) => ClientError::bad(ErrorCode::BadRequest, message),
        CallError::Busy => ClientError::plain(ErrorClass::TooManyRequests, message),
        CallError::Engine(reason) => ClientError::internal(reason),
        _ => ClientError::bad(ErrorCode::FunctionExecutionError, message),
    };
    shown_error.private = shown_error.private.or_else(|| private(error));
    shown_error
}

/// The details of an error that only the log may contain.
pub(crate) fn private(error: &CallError) -> Option<String> {
    match error {
        CallError::RunAsRefused { reason, .. } | CallError::NotRunnable { reason, .. } | CallError::Engine(reason) => {
            Some(reason.clone())
        }
        CallError::Private(name) => Some(format!("the function '{name}' is private")),
        CallError::Failed(failure) => {
            let position = failure.position.as_ref()?;
            Some(format!("{}:{}:{}", position.file, position.line, position.column))
        }
        _ => None,
    }
}
