use portcullis::eval::{ContextPart, EvalError};
use portcullis::guarded::GuardedError;
use portcullis::json::Node;
use portcullis::store::documents::DocumentsError;

use super::misspelt::misspelt;
use crate::client::{ClientError, ErrorClass, ErrorCode};

/// Converts a failure into the error that the client receives. With `options`, the message also names a misspelt
/// operator in MongoDB's words, by which clients recognize it.
pub(crate) fn client_error(error: &GuardedError, options: Option<&Node>) -> ClientError {
    let private = error.private();
    let message = error.to_string();
    let mut shown_error = match error {
        GuardedError::Denied { reason, .. } if reason.is_schema_alone => {
            ClientError::bad(ErrorCode::SchemaValidationFailedWrite, message)
        }
        GuardedError::Denied { .. } => ClientError::bad(ErrorCode::NoMatchingRuleFound, message),
        GuardedError::NoRule(_) | GuardedError::Internal => {
            ClientError::new(ErrorClass::Forbidden, ErrorCode::NoMatchingRuleFound, message)
        }
        GuardedError::LimitExceeded(_) => ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message),
        GuardedError::Store(DocumentsError::DuplicateKey) => {
            ClientError::bad(ErrorCode::MongoDBError, format!("Duplicate key error: {message}"))
        }
        GuardedError::Malformed(_) => ClientError::bad(ErrorCode::InvalidParameter, message),
        GuardedError::Query(_) | GuardedError::Unsupported { .. } | GuardedError::Update(_) => {
            let message = match options.and_then(misspelt) {
                Some(known) if known.ends_with('.') => format!("{known} {message}"),
                Some(known) => format!("{known}: {message}"),
                None => message,
            };
            ClientError::bad(ErrorCode::MongoDBError, message)
        }
        GuardedError::Store(DocumentsError::TooLarge) => ClientError::bad(ErrorCode::ReadSizeLimitExceeded, message),
        GuardedError::Undisclosed(_)
        | GuardedError::Disclosed(_)
        | GuardedError::Store(DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. }) => {
            ClientError::bad(ErrorCode::MongoDBError, message)
        }
        GuardedError::Failed(errors) if lacks_custom_data(errors) => ClientError::new(
            ErrorClass::Forbidden,
            ErrorCode::NoMatchingRuleFound,
            "the rules need custom data of the user, which is not fetched for this request",
        ),
        _ => ClientError::internal(message),
    };
    shown_error.mongodb_code = error.code();
    shown_error.private = private.or(shown_error.private);
    shown_error
}

/// The error that the application itself receives when the store fails.
pub(super) fn failed(error: DocumentsError) -> ClientError {
    let mongodb_code = error.code();
    let error = match &error {
        DocumentsError::DuplicateKey => ClientError::bad(ErrorCode::MongoDBError, "E11000 duplicate key error"),
        DocumentsError::Store(_) => ClientError::internal(error),
        _ => ClientError::bad(ErrorCode::MongoDBError, error.to_string()),
    };
    ClientError { mongodb_code, ..error }
}

/// Whether rules failed only because custom data was not looked up, as `fetch_custom_user_data` of the Data API says: that
/// is no failure of the server.
fn lacks_custom_data(errors: &[EvalError]) -> bool {
    let is_custom_data = |error: &EvalError| matches!(error, EvalError::NotSupplied(ContextPart::CustomData));
    !errors.is_empty() && errors.iter().all(is_custom_data)
}
