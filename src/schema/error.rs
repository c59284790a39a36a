use thiserror::Error;

use crate::expr::{ExprErrorKind, PatternError};
use crate::json::EjsonErrorKind;
use crate::predicate::LowerErrorKind;
use crate::text::{Code, Located};

/// Why a schema is invalid, and where.
pub type SchemaError = Located<SchemaErrorKind>;

/// The kinds of [`SchemaError`].
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SchemaErrorKind {
    /// A value that is not a schema: `"properties": {"a": "string"}`
    #[error("a schema is an object, not {0}")]
    NotSchema(&'static str),
    /// An unknown keyword: `"requierd"`
    #[error("unknown keyword `{0}` in a schema")]
    KeywordUnknown(String),
    /// A keyword that is not supported: `"$ref"`
    #[error("the JSON Schema keyword `{0}` is not supported")]
    KeywordUnsupported(String),
    /// A keyword with a value of the wrong type: `"minLength": "2"`
    #[error("`{keyword}` takes {expected}, not {found}")]
    KeywordType {
        /// The keyword.
        keyword: String,
        /// What the keyword accepts.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A keyword with an invalid value: `"minLength": -1`
    #[error("`{keyword}` cannot be `{value}`: it takes {expected}")]
    KeywordValue {
        /// The keyword.
        keyword: String,
        /// What the keyword accepts.
        expected: &'static str,
        /// The value.
        value: String,
    },
    /// A keyword without one that it requires: `"exclusiveMinimum": true` without `minimum`
    #[error("`{keyword}` requires `{partner}`")]
    KeywordAlone {
        /// The keyword.
        keyword: &'static str,
        /// The keyword that it requires.
        partner: &'static str,
    },
    /// An expression outside of `validate`: `{"bsonType": "string", "%%true": {…}}`
    #[error("`{0}` belongs in an expression, not among the keywords of a schema")]
    ExpressionMisplaced(String),
    /// An unknown type: `"bsonType": "strin"`
    #[error("unknown type `{0}`")]
    TypeUnknown(String),
    /// An invalid regular expression: `"pattern": "("`
    #[error("{0}")]
    Pattern(PatternError),
    /// A malformed extended JSON literal.
    #[error("{0}")]
    Ejson(EjsonErrorKind),
    /// A malformed expression in `validate`.
    #[error("{0}")]
    Expr(ExprErrorKind),
    /// An expression in `validate` that refers to something that is not in scope.
    #[error("{0}")]
    Lower(LowerErrorKind),
}

impl Code for SchemaErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::NotSchema(_) => "schema-type",
            Self::KeywordUnknown(_) => "keyword-unknown",
            Self::KeywordUnsupported(_) => "keyword-unsupported",
            Self::KeywordType { .. } => "keyword-type",
            Self::KeywordValue { .. } => "keyword-value",
            Self::KeywordAlone { .. } => "keyword-alone",
            Self::ExpressionMisplaced(_) => "expression-misplaced",
            Self::TypeUnknown(_) => "type-unknown",
            Self::Pattern(PatternError::TooManyInApplication) => "patterns-many",
            Self::Pattern(_) => "pattern-invalid",
            Self::Ejson(kind) => kind.code(),
            Self::Expr(kind) => kind.code(),
            Self::Lower(kind) => kind.code(),
        }
    }
}
