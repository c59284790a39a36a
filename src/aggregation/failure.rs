use thiserror::Error;

use crate::value::Malformed;

/// Why a filter, sort order, projection or expression is invalid or cannot be evaluated for a document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FindError {
    /// MongoDB rejects it too, with this code.
    #[error("{message}")]
    Refused {
        /// MongoDB's error code.
        code: i32,
        /// The reason. It quotes no values of documents.
        message: String,
    },
    /// MongoDB may support it, but it is not supported here.
    #[error("{what} is not supported here{help}", help = .help.map(|help| format!("; {help}")).unwrap_or_default())]
    Unsupported {
        /// The unsupported part, such as `` `$where` ``.
        what: String,
        /// Why it is not supported, or what to use instead.
        help: Option<&'static str>,
    },
    /// A document is not valid BSON, is nested too deeply, or takes too many steps.
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

    /// Whether MongoDB may support it.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// MongoDB's error code, if MongoDB rejects it too.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unsupported { .. } | Self::Malformed(_) => None,
        }
    }
}

/// MongoDB's error code for a value that an operator does not accept.
pub(crate) const BAD_VALUE: i32 = 2;

/// MongoDB's error code for a syntax error.
pub(crate) const FAILED_TO_PARSE: i32 = 9;

pub(super) type Outcome<T> = Result<T, FindError>;

/// An error for what MongoDB rejects too.
pub(super) fn refused<T>(code: i32, message: impl Into<String>) -> Outcome<T> {
    Err(refusal(code, message))
}

pub(super) fn refusal(code: i32, message: impl Into<String>) -> FindError {
    FindError::Refused { code, message: message.into() }
}

/// An error for what MongoDB may support but is not supported here.
pub(super) fn unsupported<T>(what: impl Into<String>, help: &'static str) -> Outcome<T> {
    Err(FindError::Unsupported { what: what.into(), help: Some(help) })
}
