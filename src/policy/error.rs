use thiserror::Error;

use crate::expr::ExprErrorKind;
use crate::predicate::LowerErrorKind;
use crate::projection::ProjectionError;
use crate::schema::SchemaErrorKind;
use crate::text::{Code, Located};

/// Why a rules file is invalid, and where.
pub type PolicyError = Located<PolicyErrorKind>;

/// The kinds of [`PolicyError`].
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// An unknown key, such as `"aply_when"`.
    #[error("unknown key `{key}` in {place}")]
    KeyUnknown {
        /// The key.
        key: String,
        /// The kind of object that contains it, such as `a role`.
        place: &'static str,
    },
    /// A required key that is missing.
    #[error("{place} needs `{key}`")]
    KeyMissing {
        /// The key.
        key: &'static str,
        /// The kind of object that lacks it.
        place: &'static str,
    },
    /// Two spellings of the same key, such as `apply_when` and `applyWhen`.
    #[error("`{first}` and `{second}` are two spellings of one key")]
    KeyTwice {
        /// One spelling.
        first: String,
        /// The other.
        second: String,
    },
    /// A value of the wrong type: `"roles": {}`
    #[error("`{key}` must be {expected}, not {found}")]
    Type {
        /// The key.
        key: String,
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// The file is not an object.
    #[error("a rules file is an object, not {0}")]
    NotObject(&'static str),
    /// Rules of the first version of Stitch: `{"namespace": "db.coll", "read": {}, "valid": {}, "other_fields": {}}`
    #[error("`{0}` is outside of a role: these are rules from the first version of Stitch, which had no roles")]
    FirstStitch(String),
    /// A dotted path as the name of a field: `"fields": {"address.zip": {}}`
    #[error("the field rule `{0}` has a dot in its name")]
    FieldDotted(String),
    /// A malformed expression.
    #[error("{0}")]
    Expr(ExprErrorKind),
    /// An expression that refers to something that is not in scope.
    #[error("{0}")]
    Lower(LowerErrorKind),
    /// A malformed projection.
    #[error("{0}")]
    Projection(ProjectionError),
    /// The number of further errors, which are not listed.
    #[error("and {0} more errors")]
    More(usize),
    /// A malformed schema.
    #[error("{0}")]
    Schema(SchemaErrorKind),
}

impl Code for PolicyErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::KeyUnknown { .. } => "key-unknown",
            Self::KeyMissing { .. } => "key-missing",
            Self::KeyTwice { .. } => "key-twice",
            Self::Type { .. } => "key-type",
            Self::NotObject(_) => "rules-type",
            Self::FirstStitch(_) => "rules-stitch",
            Self::FieldDotted(_) => "field-dotted",
            Self::Expr(kind) => kind.code(),
            Self::Lower(kind) => kind.code(),
            Self::Projection(_) => "projection-invalid",
            Self::More(_) => "errors-more",
            Self::Schema(kind) => kind.code(),
        }
    }
}
