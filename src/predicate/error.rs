use thiserror::Error;

use super::Scope;
use crate::text::{Code, Located};

/// Why an expression that parses is not valid in its scope.
pub type LowerError = Located<LowerErrorKind>;

/// The kinds of [`LowerError`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LowerErrorKind {
    /// An expansion that the scope does not have: `%%this` in `apply_when`
    #[error("`{expansion}` cannot be used in {scope}")]
    ExpansionOutOfScope {
        /// The expansion as written.
        expansion: String,
        /// The scope in which it is used.
        scope: Scope,
    },
    /// A plain field path, in a scope without a document: `owner` in a filter's `apply_when`
    #[error("`{path}` is a document field, and {scope} has no document")]
    PathOutOfScope {
        /// The path as written.
        path: String,
        /// The scope in which it is used.
        scope: Scope,
    },
    /// A condition on a whole context object: `{"%%user": …}`
    #[error("`{0}` as a whole can only be an argument of a function")]
    WholeObject(String),
}

impl Code for LowerErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::ExpansionOutOfScope { .. } => "expansion-out-of-scope",
            Self::PathOutOfScope { .. } => "path-out-of-scope",
            Self::WholeObject(_) => "expansion-whole",
        }
    }
}
