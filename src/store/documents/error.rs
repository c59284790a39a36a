use thiserror::Error;

use crate::mongo_query::FindError;
use crate::store::StoreError;
use crate::update::{UpdateError, UpdateErrorKind};
use crate::value::Malformed;

/// Why a database operation failed.
///
/// Messages may quote stored values, except for [`DuplicateKey`](Self::DuplicateKey). They are for logs, not for
/// clients that may not read these values.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DocumentsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction conflicted with another write; retrying it may succeed.
    #[error("write conflict: {0}")]
    Conflict(String),
    /// It is unknown whether the transaction was committed.
    #[error("unknown whether the transaction was committed: {0}")]
    OutcomeUnknown(String),
    /// The key already exists in a unique index.
    #[error("a document with that key exists (E11000 duplicate key error)")]
    DuplicateKey,
    /// The store does not support the request.
    #[error("{what} is not supported by {store}{help}", help = .help.map(|help| format!("; {help}")).unwrap_or_default())]
    Unsupported {
        /// The unsupported part of the request, such as `` `$where` ``.
        what: String,
        /// The kind of store, such as `the embedded store`.
        store: &'static str,
        /// What to use instead.
        help: Option<&'static str>,
    },
    /// A transaction found more data than it may hold.
    #[error("the documents are larger than {} MiB together", super::MAX_FOUND_BYTES >> 20)]
    TooLarge,
    /// The store does not support transactions.
    #[error(
        "this server has no transactions: they need a replica set, which a single server can be too (`mongod --replSet`)"
    )]
    NoTransactions,
    /// The change log does not reach back to the position, or never contained it.
    #[error(
        "the changes after that position are no longer known (ChangeStreamHistoryLost, code {code}): read the documents again, \
         and watch from now on", code = Self::HISTORY_LOST
    )]
    HistoryLost,
    /// The request is invalid, or cannot be applied to a document, such as `$inc` to a string.
    #[error("{message}{code}", code = .code.map(|code| format!(" (code {code})")).unwrap_or_default())]
    Refused {
        /// MongoDB's error code.
        code: Option<i32>,
        /// The message of the database.
        message: String,
    },
}

impl DocumentsError {
    /// The code of [`HistoryLost`](Self::HistoryLost) in MongoDB.
    pub const HISTORY_LOST: i32 = 286;

    /// The code of the error in MongoDB, if it is known.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::DuplicateKey => Some(11_000),
            Self::Conflict(_) => Some(112),
            Self::HistoryLost => Some(Self::HISTORY_LOST),
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    /// Whether the transaction may succeed if it is retried as a whole.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the transaction may have been committed.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_))
    }
}

/// What messages call a store that uses this library for queries and updates.
const STORE: &str = "this store";

/// Help for a request that takes too many steps on a document.
const STEPS: &str =
    "one document would take more steps than allowed: write fewer conditions on arrays, or shorter lists";

fn too_many_steps() -> DocumentsError {
    DocumentsError::Unsupported { what: "so much work on one document".to_owned(), store: STORE, help: Some(STEPS) }
}

impl From<FindError> for DocumentsError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Malformed(error) => error.into(),
            FindError::Unsupported { what, help } => Self::Unsupported { what, store: STORE, help },
            error => Self::Refused { code: error.code(), message: error.to_string() },
        }
    }
}

impl From<UpdateError> for DocumentsError {
    fn from(error: UpdateError) -> Self {
        if matches!(error.kind(), UpdateErrorKind::Malformed(error) if error.is_steps()) {
            return too_many_steps();
        }
        if error.is_unsupported() {
            return Self::Unsupported { what: format!("this update ({error})"), store: STORE, help: None };
        }
        Self::Refused { code: error.kind().code(), message: error.to_string() }
    }
}

impl From<Vec<UpdateError>> for DocumentsError {
    fn from(errors: Vec<UpdateError>) -> Self {
        let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match errors.into_iter().next() {
            Some(error) if !error.is_unsupported() => Self::Refused { code: error.kind().code(), message },
            _ => Self::Unsupported { what: format!("this update ({message})"), store: STORE, help: None },
        }
    }
}

impl From<Malformed> for DocumentsError {
    fn from(error: Malformed) -> Self {
        if error.is_steps() {
            return too_many_steps();
        }
        Self::Refused { code: None, message: error.to_string() }
    }
}
