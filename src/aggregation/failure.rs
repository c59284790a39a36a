use thiserror::Error;

use crate::value::Malformed;

/// Why a filter, an order, a projection or an expression cannot be used, or has no value for a document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FindError {
    /// MongoDB refuses it too, with this code.
    #[error("{message}")]
    Refused {
        /// MongoDB's error code.
        code: i32,
        /// What is wrong. It quotes no values of documents.
        message: String,
    },
    /// MongoDB may know it, here it means nothing.
    #[error("{what} is not supported here{help}", help = .help.map(|help| format!("; {help}")).unwrap_or_default())]
    Unsupported {
        /// The part, such as `` `$where` ``.
        what: String,
        /// Why not, or what would do instead.
        help: Option<&'static str>,
    },
    /// A document that it is asked of is no BSON, nested too deep, or takes too many steps.
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

    /// Whether MongoDB might have done it.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// MongoDB's code for what it refuses as well.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unsupported { .. } | Self::Malformed(_) => None,
        }
    }
}

/// MongoDB's code for a value that an operator cannot take.
pub(crate) const BAD_VALUE: i32 = 2;

/// MongoDB's code for what does not parse.
pub(crate) const FAILED_TO_PARSE: i32 = 9;

pub(super) type Outcome<T> = Result<T, FindError>;

/// What MongoDB refuses too.
pub(super) fn refused<T>(code: i32, message: impl Into<String>) -> Outcome<T> {
    Err(refusal(code, message))
}

pub(super) fn refusal(code: i32, message: impl Into<String>) -> FindError {
    FindError::Refused { code, message: message.into() }
}

/// What MongoDB may do, and is not done here.
pub(super) fn unsupported<T>(what: impl Into<String>, help: &'static str) -> Outcome<T> {
    Err(FindError::Unsupported { what: what.into(), help: Some(help) })
}
