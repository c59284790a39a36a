use thiserror::Error;

use crate::aggregation::ExpressionError;
use crate::value::Malformed;

/// Why a filter, an order or a projection cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FindError {
    /// MongoDB refuses it too, with this code.
    #[error("{message}")]
    Refused {
        /// MongoDB's error code.
        code: i32,
        /// What is wrong.
        message: String,
    },
    /// MongoDB may know it, here it means nothing.
    #[error("{what} is not supported here{help}", help = .help.map(|help| format!("; {help}")).unwrap_or_default())]
    Unsupported {
        /// The part, such as `` `$where` ``.
        what: String,
        /// What would do instead.
        help: Option<&'static str>,
    },
    /// A document that it is asked of is no BSON, or nested too deep.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// MongoDB's code for a value that an operator cannot take.
pub(super) const BAD_VALUE: i32 = 2;

/// MongoDB's code for what does not parse.
pub(super) const FAILED_TO_PARSE: i32 = 9;

/// The refusal of what MongoDB knows and no client may ask here; none of anything else.
pub(super) fn refusal(name: &str) -> Option<FindError> {
    let help = match name {
        "$where" | "$function" => {
            "client-supplied code is not executed; use operators such as `$gt`, `$in`, `$regex`, or `$expr`"
        }
        "$text" => "a text index would reveal hidden fields; use `$regex` to search in a string",
        "$near" | "$nearSphere" | "$geoNear" | "$geoWithin" | "$geoIntersects" | "$within" | "$maxDistance"
        | "$minDistance" => "compare coordinates with `$gt` and `$lt`",
        "$sampleRate" | "$rand" => "its result is not the same twice",
        _ => return None,
    };
    Some(FindError::Unsupported { what: format!("`{name}`"), help: Some(help) })
}

impl From<ExpressionError> for FindError {
    fn from(error: ExpressionError) -> Self {
        match error {
            ExpressionError::Refused { code, message } => Self::Refused { code, message },
            ExpressionError::Unsupported { what, help } => Self::Unsupported { what, help },
            ExpressionError::Malformed(error) => Self::Malformed(error),
        }
    }
}

impl FindError {
    pub(super) fn refused(code: i32, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
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
