use thiserror::Error;

use crate::expr::{ExprErrorKind, PatternError};
use crate::json::EjsonErrorKind;
use crate::predicate::LowerErrorKind;
use crate::text::{Code, Located};

/// Why a schema does not load, and where.
pub type SchemaError = Located<SchemaErrorKind>;

/// The kinds of [`SchemaError`].
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SchemaErrorKind {
    /// `"properties": {"a": "string"}`
    #[error("a schema is an object, not {0}")]
    NotSchema(&'static str),
    /// `"requierd"`
    #[error("unknown keyword `{0}` in a schema")]
    KeywordUnknown(String),
    /// `"$ref"`
    #[error("the JSON Schema keyword `{0}` is not supported")]
    KeywordUnsupported(String),
    /// `"minLength": "2"`
    #[error("`{keyword}` takes {expected}, not {found}")]
    KeywordType {
        /// The keyword.
        keyword: String,
        /// What the keyword accepts.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// `"minLength": -1`
    #[error("`{keyword}` cannot be `{value}`: it takes {expected}")]
    KeywordValue {
        /// The keyword.
        keyword: String,
        /// What the keyword accepts.
        expected: &'static str,
        /// What was found.
        value: String,
    },
    /// `"exclusiveMinimum": true` without `minimum`
    #[error("`{keyword}` requires `{partner}`")]
    KeywordAlone {
        /// The keyword.
        keyword: &'static str,
        /// The keyword that it requires.
        partner: &'static str,
    },
    /// `{"bsonType": "string", "%%true": {…}}`
    #[error("`{0}` belongs in an expression, not among the keywords of a schema")]
    ExpressionMisplaced(String),
    /// `"bsonType": "strin"`
    #[error("unknown type `{0}`")]
    TypeUnknown(String),
    /// `"pattern": "("`
    #[error("{0}")]
    Pattern(PatternError),
    /// A malformed literal.
    #[error("{0}")]
    Ejson(EjsonErrorKind),
    /// A malformed `validate`.
    #[error("{0}")]
    Expr(ExprErrorKind),
    /// A `validate` that is not valid for a field.
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
