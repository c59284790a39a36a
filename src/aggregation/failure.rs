use thiserror::Error;

use crate::value::Malformed;

/// Why a filter, sort order, projection or expression is invalid, or fails for a document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FindError {
    /// It is invalid, or fails, in MongoDB too.
    #[error("{message}")]
    Refused {
        /// MongoDB's error code.
        code: i32,
        /// The reason. It contains no values of documents.
        message: String,
    },
    /// It is not supported here, although MongoDB may support it.
    #[error("{what} is not supported here{help}", help = .help.map(|help| format!("; {help}")).unwrap_or_default())]
    Unsupported {
        /// The unsupported part, such as `` `$where` ``.
        what: String,
        /// Why it is not supported, or what to use instead.
        help: Option<&'static str>,
    },
    /// The document is not valid BSON or is nested too deeply, or the step budget is exhausted.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

impl FindError {
    pub(crate) fn refused(code: i32, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), help: None }
    }

    /// Whether the error is specific to this implementation, so that MongoDB may succeed.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// MongoDB's error code; `None` if MongoDB may succeed.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unsupported { .. } | Self::Malformed(_) => None,
        }
    }
}

/// MongoDB's error code `BadValue`.
pub(crate) const BAD_VALUE: i32 = 2;

/// MongoDB's error code `FailedToParse`.
pub(crate) const FAILED_TO_PARSE: i32 = 9;

pub(super) type Outcome<T> = Result<T, FindError>;

/// The error for something that MongoDB rejects with this code.
pub(super) fn refused<T>(code: i32, message: impl Into<String>) -> Outcome<T> {
    Err(refusal(code, message))
}

pub(super) fn refusal(code: i32, message: impl Into<String>) -> FindError {
    FindError::Refused { code, message: message.into() }
}

/// The error for something that is not supported here, although MongoDB may support it.
pub(super) fn unsupported<T>(what: impl Into<String>, help: &'static str) -> Outcome<T> {
    Err(FindError::Unsupported { what: what.into(), help: Some(help) })
}
