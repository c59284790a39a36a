use thiserror::Error;

use super::Scope;
use crate::text::{Code, Located};

/// Why a well-formed expression has no meaning where it stands.
pub type LowerError = Located<LowerErrorKind>;

/// The ways in which a well-formed expression can lack a meaning.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LowerErrorKind {
    /// `%%this` in `apply_when`
    #[error("`{expansion}` cannot be used in {scope}")]
    ExpansionOutOfScope {
        /// The expansion as written.
        expansion: String,
        /// Where it stands.
        scope: Scope,
    },
    /// `owner` in a filter's `apply_when`
    #[error("`{path}` is a document field, and {scope} has no document")]
    PathOutOfScope {
        /// The path as written.
        path: String,
        /// Where it stands.
        scope: Scope,
    },
    /// `{"%%user": …}`
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
