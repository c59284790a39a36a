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
/// The message is meant for the client that sent the request: it quotes the request and names limits, but reveals no
/// stored value or field. Further details are [private](Self::private), for the log.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardedError {
    /// The query is malformed, or uses what no query may.
    #[error("{0}")]
    Query(Located<QueryError>),
    /// An option, stage, operator or variable that is not on the list of those that are let through.
    #[error("{what} is not supported{place}: {reason}", what = shown(.what), place = .place.map(|place| format!(" in {place}")).unwrap_or_default())]
    Unsupported {
        /// As the client wrote it.
        what: String,
        /// Where it stands: `an expression`.
        place: Option<&'static str>,
        /// Why not, or what would do instead.
        reason: &'static str,
    },
    /// A part of the request is not what must stand there.
    #[error("{0}")]
    Malformed(&'static str),
    /// The update is not one that may be carried out.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Update(Vec<UpdateError>),
    /// The collection is the database's own.
    #[error("system collections are not accessible")]
    Internal,
    /// Neither the collection nor the defaults have rules.
    #[error("no rule exists for namespace '{0}'")]
    NoRule(Arc<str>),
    /// The collection's rules do not load.
    #[error("the collection's rules do not load")]
    RulesInvalid,
    /// The rules do not let the user write that, or nothing that he may know tells whether they do: nothing of the
    /// request has happened.
    #[error("{}", denied(*.operation))]
    Denied {
        /// What is not permitted; `None` if it was one of several writes, and which could tell of what is hidden.
        operation: Option<WriteKind>,
        /// Why; it may tell of hidden fields.
        reason: Box<Denial>,
    },
    /// Something that decides failed.
    #[error("a rule of the collection failed")]
    Failed(Vec<EvalError>),
    /// More than one request may take.
    #[error("{0}")]
    LimitExceeded(#[from] LimitExceeded),
    /// The database has no transactions, and the request cannot be carried out by the rules without one: why.
    #[error(
        "this server has no transactions, and {0}; they need a replica set, which a single server can be too \
         (`mongod --replSet`)"
    )]
    NoTransaction(&'static str),
    /// The database did not do what it was asked.
    #[error("{}", told(.0))]
    Store(#[source] DocumentsError),
    /// The database did not carry out a write that the user may make, and why could depend on fields that are hidden
    /// from him.
    #[error("{NOT_DONE}")]
    Undisclosed(#[source] DocumentsError),
}

/// The kind of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    /// It is new.
    Insert,
    /// It changes.
    Update,
    /// It goes.
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
    /// The role that decided; `None` if none applies.
    pub role: Option<String>,
    /// Why.
    pub reason: Reason,
    /// What failed on the way.
    pub errors: Vec<EvalError>,
    /// How it failed before it could be checked; it may quote stored values.
    pub failure: Option<String>,
    /// Which of several writes it was, from 0, and what it was to do.
    pub write: Option<(usize, WriteKind)>,
}

impl Denial {
    pub(super) const fn of(reason: Reason) -> Self {
        Self { role: None, reason, errors: Vec::new(), failure: None, write: None }
    }

    /// Of what failed before it could be judged.
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

/// A resource limit that a request exceeded, and how to stay below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// Documents that the database cannot tell apart by the rules.
    #[error(
        "more than {0} documents would have to be checked one by one; narrow the filter by fields that are visible in every document"
    )]
    Checked(u64),
    /// Documents to be sorted by a field that is visible in some of them only.
    #[error(
        "more than {documents} documents, or {bytes} bytes of them, would have to be held; narrow the filter, or sort by \
         fields that are visible in every document"
    )]
    Held {
        /// The limit on their number.
        documents: usize,
        /// The limit on their size together.
        bytes: usize,
    },
    /// Documents for a pipeline, whose fields are visible in some of them only.
    #[error(
        "the pipeline would need more than {0} bytes of documents redacted one by one; begin it with a `$match` on fields \
         that are visible in every document"
    )]
    Sent(usize),
    /// Documents to be written together.
    #[error("one request would write more than {0} documents; split it, or narrow the filter")]
    Written(usize),
    /// Documents among which those to be written are.
    #[error(
        "more than {0} documents would have to be checked one by one to find those to be written; narrow the filter by fields \
         that are visible in every document"
    )]
    Sought(usize),
    /// Work on one batch.
    #[error("not finished within {} seconds; narrow the filter", .0.as_secs())]
    Time(Duration),
}

/// What a client wrote is shown up to this many characters.
const SHOWN: usize = 80;

fn shown(text: &str) -> String {
    format!("`{}`", OneLine(excerpt(text, SHOWN)))
}

fn denied(operation: Option<WriteKind>) -> String {
    match operation {
        Some(operation) => format!("{operation} not permitted"),
        None => "one of the writes is not permitted, or failed".to_owned(),
    }
}

const NOT_DONE: &str = "the database did not carry out the request";

/// What a client is told of a failure of the store: nothing that is stored.
fn told(error: &DocumentsError) -> String {
    match error {
        DocumentsError::OutcomeUnknown(_) => {
            return "outcome unknown: the database did not respond".to_owned();
        }
        DocumentsError::Conflict(_) => return "repeated write conflicts; try again".to_owned(),
        _ => {}
    }
    format!("{NOT_DONE}{}", cause(error))
}

fn cause(error: &DocumentsError) -> String {
    match error {
        DocumentsError::Refused { code: Some(code), .. } => format!(" (code {code})"),
        DocumentsError::Unsupported { store, help, .. } => {
            format!(": {store} does not support it{}", help.map(|help| format!("; {help}")).unwrap_or_default())
        }
        // They quote nothing that is stored.
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
    /// What the log needs beside the text: it may quote stored values and rules.
    #[must_use]
    pub fn private(&self) -> Option<String> {
        match self {
            Self::Failed(errors) => Some(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
            Self::Store(error) | Self::Undisclosed(error) => Some(error.to_string()),
            Self::Denied { reason, .. } => Some(reason.to_string()),
            _ => None,
        }
    }

    /// Whether nothing else failed than that a function which a rule calls has not
    /// [answered yet](crate::eval::FunctionError::Pending).
    #[must_use]
    pub fn waits(&self) -> bool {
        let waits = |error: &EvalError| matches!(error, EvalError::Function(FunctionError::Pending(_)));
        matches!(self, Self::Failed(errors) if !errors.is_empty() && errors.iter().all(waits))
    }

    /// Whether the client's request is at fault, and not the rules or the database.
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
