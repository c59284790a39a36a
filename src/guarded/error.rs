use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::access::{QueryError, Reason};
use crate::eval::{EvalError, FunctionError};
use crate::store::documents::DocumentsError;
use crate::text::{Located, OneLine, excerpt};
use crate::update::UpdateError;
use crate::value::Malformed;

/// Why a request to a guarded collection failed.
///
/// The message is safe to send to the client: it quotes the request and names limits, but no stored value or field.
/// [Private](Self::private) details are for the log only.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardedError {
    /// The query is malformed or unsupported.
    #[error("{0}")]
    Query(Located<QueryError>),
    /// The request contains an option, stage, operator or variable that is not on the allowlist.
    #[error("{what} is not supported{place}: {reason}", what = shown(.what), place = .place.map(|place| format!(" in {place}")).unwrap_or_default())]
    Unsupported {
        /// The unsupported part, as written by the client.
        what: String,
        /// The kind of construct that contains it, such as `an expression`.
        place: Option<&'static str>,
        /// Why it is not allowed, or what to use instead.
        reason: &'static str,
    },
    /// A part of the request is malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// The update is invalid or cannot be applied.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Update(Vec<UpdateError>),
    /// The collection is one of the database's internal ones.
    #[error("system collections are not accessible")]
    Internal,
    /// Neither the collection nor the defaults have rules.
    #[error("no rule exists for namespace '{0}'")]
    NoRule(Arc<str>),
    /// The collection's rules do not load.
    #[error("the collection's rules do not load")]
    RulesInvalid,
    /// The rules do not permit the write, or deciding whether they do would reveal hidden data. No part of the request
    /// has taken effect.
    #[error("{}", denied(*.operation))]
    Denied {
        /// The denied operation; `None` if it was one of several and naming it could reveal hidden data.
        operation: Option<WriteKind>,
        /// The reason, which may reveal hidden fields.
        reason: Box<Denial>,
    },
    /// The rules fail regardless of the documents, or wait for a function. If a rule fails on a single document, that
    /// document is [left out](crate::access::Guard::take_unreadable) instead.
    #[error("a rule of the collection failed")]
    Failed(Vec<EvalError>),
    /// The request exceeded a limit.
    #[error("{0}")]
    LimitExceeded(#[from] LimitExceeded),
    /// The database does not support transactions, and the rules cannot be enforced without one, for the given reason.
    #[error(
        "this server has no transactions, and {0}; they need a replica set, which a single server can be too \
         (`mongod --replSet`)"
    )]
    NoTransaction(&'static str),
    /// The database failed.
    #[error("{}", store_message(.0))]
    Store(#[source] DocumentsError),
    /// The database refused a request of a user from whom nothing is hidden, so its message is disclosed.
    #[error("{NOT_DONE}: {}", disclosed_message(.0))]
    Disclosed(#[source] DocumentsError),
    /// The database failed to carry out a write that the user may make. The cause may depend on hidden fields, so it is
    /// not disclosed.
    #[error("{NOT_DONE}")]
    Undisclosed(#[source] DocumentsError),
}

/// The kind of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// A document is inserted.
    Insert,
    /// A document is changed.
    Update,
    /// A document is removed.
    Delete,
}

impl fmt::Display for WriteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// Why a write is denied, for the log.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The role that applied; `None` if there was none.
    pub role: Option<String>,
    /// The reason.
    pub reason: Reason,
    /// The errors that occurred.
    pub errors: Vec<EvalError>,
    /// The error that prevented the write from being checked, if any; it may quote stored values.
    pub failure: Option<String>,
    /// The zero-based index of the write in its request, and its kind.
    pub write: Option<(usize, WriteKind)>,
    /// Whether the denial is due to the schema alone, under rules that show the user the entire document whatever its
    /// content. Only then may the user learn that the schema was violated.
    pub is_schema_alone: bool,
}

impl Denial {
    pub(super) const fn of(reason: Reason) -> Self {
        Self { role: None, reason, errors: Vec::new(), failure: None, write: None, is_schema_alone: false }
    }

    /// A denial because the write failed before it could be checked.
    pub(super) fn unjudged(failure: String) -> Self {
        Self { failure: Some(failure), ..Self::of(Reason::Failed) }
    }

    pub(super) fn denies(self, operation: WriteKind) -> GuardedError {
        GuardedError::Denied { operation: Some(operation), reason: Box::new(self) }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((number, operation)) = self.write {
            write!(f, "write {}, {operation}: ", number + 1)?;
        }
        match &self.failure {
            Some(failure) => write!(f, "it failed before it could be checked: {failure}")?,
            None => write!(f, "{}", self.reason)?,
        }
        if let Some(role) = &self.role {
            write!(f, " (role `{}`)", OneLine(role))?;
        }
        self.errors.iter().try_for_each(|error| write!(f, "; {error}"))
    }
}

/// A resource limit that a request exceeded. The message says how to stay below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// Too many readable documents that had to be checked one by one, because the database could not.
    #[error(
        "more than {0} documents would have to be checked one by one; narrow the filter by fields that are visible in every document"
    )]
    Checked(u64),
    /// Too many documents or values to hold, for sorting by a field that is visible in only some documents or for
    /// `distinct`.
    #[error(
        "more than {documents} documents, or {bytes} bytes of them, would have to be held; narrow the filter, or sort by \
         fields that are visible in every document"
    )]
    Held {
        /// The maximum number of documents.
        documents: usize,
        /// The maximum total size in bytes.
        bytes: usize,
    },
    /// Too many bytes of documents to redact and send to the database for a pipeline.
    #[error(
        "the pipeline would need more than {0} bytes of documents redacted one by one; begin it with a `$match` on fields \
         that are visible in every document"
    )]
    Sent(usize),
    /// Too many documents written by one request.
    #[error("one request would write more than {0} documents; split it, or narrow the filter")]
    Written(usize),
    /// Too many readable documents to examine in order to find those to be written.
    #[error(
        "more than {0} documents would have to be checked one by one to find those to be written; narrow the filter by fields \
         that are visible in every document"
    )]
    Sought(usize),
    /// A batch, or the writes of a request, took too long.
    #[error("not finished within {} seconds; narrow the filter", .0.as_secs())]
    Time(Duration),
}

/// The number of characters to which the client's input is truncated in messages.
const MAX_SHOWN: usize = 80;

fn shown(text: &str) -> String {
    format!("`{}`", OneLine(excerpt(text, MAX_SHOWN)))
}

fn denied(operation: Option<WriteKind>) -> String {
    match operation {
        Some(operation) => format!("{operation} not permitted"),
        None => "one of the writes is not permitted, or failed".to_owned(),
    }
}

const NOT_DONE: &str = "the database did not carry out the request";

/// The message to the client for a failure of the store. It never contains stored data.
fn store_message(error: &DocumentsError) -> String {
    match error {
        DocumentsError::OutcomeUnknown(_) => {
            return "outcome unknown: the database did not respond".to_owned();
        }
        DocumentsError::Conflict(_) => return "repeated write conflicts; try again".to_owned(),
        _ => {}
    }
    format!("{NOT_DONE}{}", cause(error))
}

/// The maximum number of characters of the database's message that a client receives.
const MAX_MESSAGE: usize = 300;

/// The message of the database, on one line; its code always remains.
fn disclosed_message(error: &DocumentsError) -> String {
    let bounded = |text: &str| OneLine(excerpt(text, MAX_MESSAGE)).to_string();
    match error {
        DocumentsError::Refused { code: Some(code), message } => format!("{} (code {code})", bounded(message)),
        error => bounded(&error.to_string()),
    }
}

fn cause(error: &DocumentsError) -> String {
    match error {
        DocumentsError::Refused { code: Some(code), .. } => format!(" (code {code})"),
        DocumentsError::Unsupported { store, help, .. } => {
            format!(": {store} does not support it{}", help.map(|help| format!("; {help}")).unwrap_or_default())
        }
        // These messages quote no stored data.
        DocumentsError::DuplicateKey
        | DocumentsError::HistoryLost
        | DocumentsError::NoTransactions
        | DocumentsError::TooLarge => {
            format!(": {error}")
        }
        _ => String::new(),
    }
}

impl GuardedError {
    /// Further details for the log, which may quote stored values and rules.
    #[must_use]
    pub fn private(&self) -> Option<String> {
        match self {
            Self::Failed(errors) => Some(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
            Self::Store(error) | Self::Disclosed(error) | Self::Undisclosed(error) => Some(error.to_string()),
            Self::Denied { reason, .. } => Some(reason.to_string()),
            _ => None,
        }
    }

    /// The code that MongoDB has for this error, if it has one. It tells no more than the message.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        /// MongoDB's `BadValue`.
        const BAD_VALUE: i32 = 2;
        match self {
            Self::Query(_) => Some(BAD_VALUE),
            Self::Update(errors) => errors.first().and_then(|error| error.kind().code()),
            Self::Store(error) | Self::Disclosed(error) => error.code(),
            _ => None,
        }
    }

    /// The error for a failure of the store, with the database's message if nothing is hidden from the user.
    pub(super) fn of_store(error: DocumentsError, hides_nothing: bool) -> Self {
        match error {
            DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. } if hides_nothing => {
                Self::Disclosed(error)
            }
            error => Self::Store(error),
        }
    }

    /// Whether the request failed only because function calls are [pending](crate::eval::FunctionError::Pending), so
    /// that it can be retried once their results are supplied.
    #[must_use]
    pub fn waits(&self) -> bool {
        let waits = |error: &EvalError| matches!(error, EvalError::Function(FunctionError::Pending(_)));
        matches!(self, Self::Failed(errors) if !errors.is_empty() && errors.iter().all(waits))
    }

    /// Whether the request itself caused the error, rather than the rules or the database.
    #[must_use]
    pub const fn is_clients(&self) -> bool {
        matches!(
            self,
            Self::Query(_)
                | Self::Unsupported { .. }
                | Self::Malformed(_)
                | Self::Update(_)
                | Self::Internal
                | Self::Denied { .. }
                | Self::LimitExceeded(_)
        )
    }
}

impl From<QueryError> for GuardedError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NoRule(namespace) => Self::NoRule(namespace),
            QueryError::RulesInvalid => Self::RulesInvalid,
            QueryError::Failed(errors) => Self::Failed(errors),
            other => Self::Query(Located::new(other, crate::text::Span::default())),
        }
    }
}

impl From<Located<QueryError>> for GuardedError {
    fn from(error: Located<QueryError>) -> Self {
        Self::Query(error)
    }
}

impl From<DocumentsError> for GuardedError {
    fn from(error: DocumentsError) -> Self {
        Self::Store(error)
    }
}

impl From<Malformed> for GuardedError {
    fn from(error: Malformed) -> Self {
        Self::Failed(vec![error.into()])
    }
}
