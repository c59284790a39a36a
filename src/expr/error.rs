use thiserror::Error;

use super::PatternError;
use crate::json::{EjsonErrorKind, JsonErrorKind};
use crate::path::PathError;
use crate::text::{Code, Located};

/// Why an expression is invalid, and where.
pub type ExprError = Located<ExprErrorKind>;

/// The kinds of [`ExprError`].
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ExprErrorKind {
    /// An expansion with an unknown root: `%%usr`
    #[error("unknown expansion `{0}`")]
    ExpansionUnknown(String),
    /// A malformed expansion: `%%user.id%%`, `%user.id`
    #[error("`{0}` is not an expansion")]
    ExpansionMalformed(String),
    /// A path on an expansion that has no fields: `%%true.x`
    #[error("`{0}` leads nowhere: `%%true` and `%%false` have no fields")]
    ExpansionPath(String),
    /// A malformed field path: `a..b`
    #[error("{0}")]
    Path(PathError),
    /// An unknown operator: `{"a": {"$foo": 1}}`
    #[error("unknown operator `{0}`")]
    OperatorUnknown(String),
    /// A MongoDB operator that rules deliberately do not support: `{"$where": "…"}`
    #[error("operator `{0}` is deliberately not supported")]
    OperatorRefused(String),
    /// An operator in the wrong place: `{"$gt": 1}`
    #[error("found operator `{0}` where a field name is expected")]
    OperatorMisplaced(String),
    /// An object with both operators and field names: `{"a": {"$gt": 1, "b": 2}}`
    #[error("cannot mix operator `{operator}` and field name `{name}` in one object")]
    NamesMixed {
        /// An operator in the object.
        operator: String,
        /// A field name in the object.
        name: String,
    },
    /// An operator or expansion as a field name inside a literal: `{"a": {"b": {"$gt": 1}}}`
    #[error("`{0}` is used as a name inside a literal, where it would be plain text")]
    NameInLiteral(String),
    /// An operand of the wrong type: `{"a": {"$gt": null}}`
    #[error("`{operator}` takes {expected}, not {found}")]
    OperandType {
        /// The operator as written.
        operator: String,
        /// What the operator accepts.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A regular expression as a literal: `{"a": {"$regularExpression": …}}`
    #[error("a regular expression cannot be a value")]
    RegexLiteral,
    /// A value that is not an expression: `"read": "yes"`
    #[error("{place} is not an expression: that is `true`, `false` or an object, not {found}")]
    NotExpression {
        /// Where the expression is expected, such as `` `%not` ``.
        place: String,
        /// What was found.
        found: String,
    },
    /// A logical operator without conditions: `{"%and": []}`
    #[error("`{0}` needs at least one condition")]
    ListEmpty(String),
    /// `$options` without `$regex`: `{"a": {"$options": "i"}}`
    #[error("`{0}` requires `$regex`")]
    OptionsAlone(String),
    /// An operator that may not be repeated, in both spellings: `{"$regex": …, "%regex": …}`. Most others may:
    /// `{"$eq": 1, "%eq": 2}` is two conditions.
    #[error("`{0}` is given twice in one object, in two spellings")]
    OperatorTwice(String),
    /// An invalid or unsupported regular expression: `{"a": {"$regex": "("}}`
    #[error("{0}")]
    Pattern(PatternError),
    /// An unknown key in a function call: `{"%function": {"nam": "f"}}`
    #[error("`%function` has no key `{0}`")]
    FunctionKey(String),
    /// A function call without a name: `{"%function": {}}`
    #[error("`%function` needs a `name`, a string that is not empty")]
    FunctionName,
    /// An operator that `%%true` and `%%false` do not allow: `{"%%true": {"$eq": 1}}`
    #[error("`{0}` cannot compare `%%true` or `%%false`: an expression or one `%function` belongs there")]
    BooleanOperator(String),
    /// A malformed extended JSON literal.
    #[error("{0}")]
    Ejson(EjsonErrorKind),
    /// Text that is not JSON.
    #[error("{0}")]
    Json(JsonErrorKind),
}

impl Code for ExprErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::ExpansionUnknown(_) => "expansion-unknown",
            Self::ExpansionMalformed(_) => "expansion-malformed",
            Self::ExpansionPath(_) => "expansion-path",
            Self::Path(_) => "path-invalid",
            Self::OperatorUnknown(_) => "operator-unknown",
            Self::OperatorRefused(_) => "operator-refused",
            Self::OperatorMisplaced(_) => "operator-misplaced",
            Self::NamesMixed { .. } => "names-mixed",
            Self::NameInLiteral(_) => "name-in-literal",
            Self::OperandType { .. } => "operand-type",
            Self::RegexLiteral => "regex-literal",
            Self::NotExpression { .. } => "expression-type",
            Self::ListEmpty(_) => "list-empty",
            Self::OptionsAlone(_) => "options-alone",
            Self::OperatorTwice(_) => "operator-twice",
            Self::Pattern(PatternError::TooManyInApplication) => "patterns-many",
            Self::Pattern(_) => "pattern-invalid",
            Self::FunctionKey(_) => "function-key",
            Self::FunctionName => "function-name",
            Self::BooleanOperator(_) => "boolean-operator",
            Self::Ejson(kind) => kind.code(),
            Self::Json(kind) => kind.code(),
        }
    }
}
