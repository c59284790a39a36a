use std::collections::BTreeSet;
use std::time::Duration;

use ::mongodb::error::{
    Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use bson::Document;
use thiserror::Error;

use crate::record::RecordError;
use portcullis::store::StoreError;
use portcullis::store::documents::DocumentsError;
use portcullis::text::{OneLine, excerpt};
use portcullis::value::Malformed;

/// The maximum number of characters of a server's message that are shown.
const MAX_SHOWN: usize = 300;

/// The error code of a write that violates a unique index.
const DUPLICATE_KEY: i32 = 11000;

/// MongoDB's error code for an invalid request, such as an insert of a document that is too large.
const BAD_VALUE: i32 = 2;

/// The error codes of a change stream that cannot resume from its position: the history is lost, the next event is too
/// large, or the server rejects the token.
const POSITION_LOST: [i32; 12] = [15, 136, 222, 260, 280, HISTORY_LOST, 10334, 40576, 40585, 40647, 40649, 50811];
const HISTORY_LOST: i32 = DocumentsError::HISTORY_LOST;

/// Why a command failed. The driver's own error is not kept, since it prints the server's whole reply, which may
/// contain stored values.
#[derive(Debug, Error)]
#[error("{message}{code}", code = .code.map(|code| format!(" (code {code})")).unwrap_or_default())]
pub(super) struct Failure {
    code: Option<i32>,
    cause: Cause,
    passage: Passage,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Authentication,
    /// The command was not sent.
    Unsent,
    /// The write was performed, but may be rolled back.
    Unacknowledged,
    Other,
}

/// What the failure means for the transaction in which it occurred, according to the server's error labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// The transaction has ended, or there is none.
    Ended,
    /// The transaction can be retried from the start.
    Transient,
    /// It is unknown whether the transaction was committed.
    CommitUnknown,
}

impl Failure {
    /// There was no reply within a time limit.
    pub(super) fn late(limit: Duration) -> Self {
        let passage = Passage::CommitUnknown;
        Self { passage, ..Self::new(format!("no answer within {} seconds", limit.as_secs())) }
    }

    /// A reply or a stored value is invalid or too large.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: None, cause: Cause::Other, passage: Passage::Ended, message: message.into() }
    }

    /// The error for an invalid request that is not sent.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: Some(BAD_VALUE), cause: Cause::Unsent, ..Self::new(message) }
    }

    /// The error of one of several writes in a reply.
    pub(super) fn of_write(error: &Document) -> Self {
        let code = error.get_i32("code").ok();
        let message = match code {
            // The server's message contains the key.
            Some(DUPLICATE_KEY) => "a unique index has that key already".to_owned(),
            _ => {
                let text = error.get_str("errmsg").unwrap_or("a write failed");
                excerpt(&OneLine(text).to_string(), MAX_SHOWN)
            }
        };
        Self { code, ..Self::new(message) }
    }

    /// The message without the code.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The server's error code.
    pub(super) const fn code(&self) -> Option<i32> {
        self.code
    }

    /// Whether a unique index refused a write.
    pub(super) fn is_duplicate_key(&self) -> bool {
        self.code == Some(DUPLICATE_KEY)
    }

    /// Whether a change stream cannot resume from its position.
    pub(super) fn is_position_lost(&self) -> bool {
        self.code.is_some_and(|code| POSITION_LOST.contains(&code))
    }

    /// Whether the transaction in which it occurred can be retried.
    pub(super) fn is_transient(&self) -> bool {
        self.passage == Passage::Transient
    }

    /// Whether a commit that failed like this may have taken effect.
    pub(super) fn is_commit_unknown(&self) -> bool {
        self.passage == Passage::CommitUnknown
    }

    /// Whether a write outside a transaction that failed like this may have taken effect.
    pub(super) fn is_write_unknown(&self) -> bool {
        match self.cause {
            Cause::Authentication | Cause::Unsent => false,
            Cause::Unacknowledged => true,
            Cause::Other => self.code.is_none(),
        }
    }

    /// Whether the server rejected the user name and password.
    pub(super) fn is_authentication(&self) -> bool {
        self.cause == Cause::Authentication
    }

    /// Converts it to the error of an `action` that could not be completed.
    pub(super) fn during(self, action: &'static str) -> StoreError {
        StoreError::new(action, self)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let cause = match *error.kind {
            ErrorKind::Authentication { .. } => Cause::Authentication,
            // A cleared connection pool is not among these: it also fails commands that have been sent.
            ErrorKind::ServerSelection { .. }
            | ErrorKind::InvalidArgument { .. }
            | ErrorKind::BsonSerialization(_)
            | ErrorKind::DnsResolve { .. } => Cause::Unsent,
            ErrorKind::Write(WriteFailure::WriteConcernError(_)) => Cause::Unacknowledged,
            _ => Cause::Other,
        };
        let passage = if error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
            Passage::Transient
        } else if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) {
            Passage::CommitUnknown
        } else {
            Passage::Ended
        };
        Self { code: code(&error), cause, passage, message: message(&error) }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::new(error.to_string())
    }
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(error) => match (&error.write_errors, &error.write_concern_error) {
            (Some(errors), _) if !errors.is_empty() => errors.first().map(|error| error.code),
            (_, concern) => concern.as_ref().map(|error| error.code),
        },
        // The driver rejects these requests itself. The server would do so with this code.
        ErrorKind::InvalidArgument { .. } | ErrorKind::BsonSerialization(_) => Some(BAD_VALUE),
        _ => None,
    }
}

fn message(error: &Error) -> String {
    let text = match error.kind.as_ref() {
        // The server's message contains the key.
        _ if code(error) == Some(DUPLICATE_KEY) => "a unique index has that key already".to_owned(),
        ErrorKind::Command(error) => error.message.clone(),
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.message.clone(),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
            format!("not acknowledged by a majority: {}", error.message)
        }
        ErrorKind::InsertMany(error) => {
            let first = error.write_errors.iter().flatten().next();
            first.map_or_else(|| "an insert failed".to_owned(), |error| error.message.clone())
        }
        ErrorKind::ServerSelection { message, .. } => unreachable_servers(message),
        kind => kind.to_string(),
    };
    excerpt(&OneLine(text).to_string(), MAX_SHOWN)
}

/// The driver's message for each server, without its description of the whole topology.
fn unreachable_servers(message: &str) -> String {
    let causes = message.split("Error: Kind: ").skip(1).filter_map(|rest| rest.split(", labels:").next());
    let causes: BTreeSet<&str> = causes.collect();
    if causes.is_empty() {
        return message.to_owned();
    }
    let causes: Vec<&str> = causes.into_iter().collect();
    format!("no server can be reached: {}", causes.join("; "))
}
