use thiserror::Error;

use crate::value::Malformed;

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// MongoDB refuses it too, with this code.
    #[error("{message}")]
    Refused {
        /// MongoDB's error code.
        code: i32,
        /// What is wrong. It quotes types and operators, never values.
        message: String,
    },
    /// MongoDB may know it, here it means nothing.
    #[error("{what} is not supported here{}", .help.map(|help| format!(": {help}")).unwrap_or_default())]
    Unsupported {
        /// The part, such as `` `$function` ``.
        what: String,
        /// Why not, or what would do instead.
        help: Option<&'static str>,
    },
    /// The document is no BSON, nested too deep, or takes too many steps.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

pub(super) type Outcome<T> = Result<T, ExpressionError>;

/// What MongoDB refuses too.
pub(super) fn refused<T>(code: i32, message: impl Into<String>) -> Outcome<T> {
    Err(refusal(code, message))
}

pub(super) fn refusal(code: i32, message: impl Into<String>) -> ExpressionError {
    ExpressionError::Refused { code, message: message.into() }
}

/// What MongoDB may do, and is not done here.
pub(super) fn unsupported<T>(what: impl Into<String>, help: &'static str) -> Outcome<T> {
    Err(ExpressionError::Unsupported { what: what.into(), help: Some(help) })
}
