use std::collections::BTreeSet;
use std::time::Duration;

use ::mongodb::error::{
    Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use bson::Document;
use thiserror::Error;

use crate::record::RecordError;
use portcullis::store::StoreError;
use portcullis::text::{OneLine, excerpt};
use portcullis::value::Malformed;

/// How much of a server's message is shown, in characters.
const SHOWN: usize = 300;

/// The error code of a write that a unique index refuses.
const DUPLICATE_KEY: i32 = 11000;

/// Why a command brought no answer. The driver's own error is not kept: it prints the server's whole reply, with stored
/// values in it.
#[derive(Debug, Error)]
#[error("{message}")]
pub(super) struct Failure {
    code: Option<i32>,
    cause: Cause,
    passage: Passage,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Authentication,
    /// Nothing was sent.
    Unsent,
    /// It was done, but perhaps not for good.
    Unacknowledged,
    Other,
}

/// What becomes of a transaction in which it happened, as the server labels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// It is over, or there is none.
    Ended,
    /// It may be done again from its beginning.
    Transient,
    /// It is unknown whether it was committed.
    CommitUnknown,
}

impl Failure {
    /// Nothing came within a time.
    pub(super) fn late(limit: Duration) -> Self {
        let passage = Passage::CommitUnknown;
        Self { passage, ..Self::new(format!("no answer within {} seconds", limit.as_secs())) }
    }

    /// Something that the server answered, or holds, makes no sense or is too much.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: None, cause: Cause::Other, passage: Passage::Ended, message: message.into() }
    }

    /// What the server says of one of several writes.
    pub(super) fn of_write(error: &Document) -> Self {
        let code = error.get_i32("code").ok();
        let message = match code {
            // The server quotes the key.
            Some(DUPLICATE_KEY) => "a unique index has that key already".to_owned(),
            _ => {
                let text = error.get_str("errmsg").unwrap_or("a write failed");
                excerpt(&OneLine(format!("write error: {text}")).to_string(), SHOWN)
            }
        };
        Self { code, ..Self::new(message) }
    }

    /// The server's error code.
    pub(super) const fn code(&self) -> Option<i32> {
        self.code
    }

    /// Whether a unique index refused a write.
    pub(super) fn is_duplicate_key(&self) -> bool {
        self.code == Some(DUPLICATE_KEY)
    }

    /// Whether the transaction in which it happened may be done again.
    pub(super) fn is_transient(&self) -> bool {
        self.passage == Passage::Transient
    }

    /// Whether a commit that ended so may have happened.
    pub(super) fn is_commit_unknown(&self) -> bool {
        self.passage == Passage::CommitUnknown
    }

    /// Whether a write without a transaction that ended so may have happened.
    pub(super) fn is_write_unknown(&self) -> bool {
        match self.cause {
            Cause::Authentication | Cause::Unsent => false,
            Cause::Unacknowledged => true,
            Cause::Other => self.code.is_none(),
        }
    }

    /// Whether the server does not take the user name and password.
    pub(super) fn is_authentication(&self) -> bool {
        self.cause == Cause::Authentication
    }

    /// The same for a caller: `action` could not be done.
    pub(super) fn during(self, action: &'static str) -> StoreError {
        StoreError::new(action, self)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let cause = match *error.kind {
            ErrorKind::Authentication { .. } => Cause::Authentication,
            // Not where a pool of connections was cleared: that ends commands which have been sent, too.
            ErrorKind::ServerSelection { .. } | ErrorKind::InvalidArgument { .. } | ErrorKind::DnsResolve { .. } => {
                Cause::Unsent
            }
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
        _ => None,
    }
}

fn message(error: &Error) -> String {
    let text = match error.kind.as_ref() {
        // The server quotes the key.
        _ if code(error) == Some(DUPLICATE_KEY) => "a unique index has that key already".to_owned(),
        ErrorKind::Command(error) => format!("{} ({}): {}", error.code_name, error.code, error.message),
        ErrorKind::Write(WriteFailure::WriteError(error)) => format!("write error {}: {}", error.code, error.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
            format!("not acknowledged by a majority, {} ({}): {}", error.code_name, error.code, error.message)
        }
        ErrorKind::InsertMany(error) => {
            let codes: Vec<_> =
                error.write_errors.iter().flatten().map(|error| error.code.to_string()).take(5).collect();
            format!("an insert of several documents failed, error codes {}", codes.join(", "))
        }
        ErrorKind::ServerSelection { message, .. } => unreachable_servers(message),
        kind => kind.to_string(),
    };
    excerpt(&OneLine(text).to_string(), SHOWN)
}

/// What the driver says of each server, without its description of the whole topology.
fn unreachable_servers(message: &str) -> String {
    let causes = message.split("Error: Kind: ").skip(1).filter_map(|rest| rest.split(", labels:").next());
    let causes: BTreeSet<&str> = causes.collect();
    if causes.is_empty() {
        return message.to_owned();
    }
    let causes: Vec<&str> = causes.into_iter().collect();
    format!("no server can be reached: {}", causes.join("; "))
}
