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
    /// `%%usr`
    #[error("unknown expansion `{0}`")]
    ExpansionUnknown(String),
    /// `%%user.id%%`, `%user.id`
    #[error("`{0}` is not an expansion")]
    ExpansionMalformed(String),
    /// `%%true.x`
    #[error("`{0}` leads nowhere: `%%true` and `%%false` have no fields")]
    ExpansionPath(String),
    /// `a..b`
    #[error("{0}")]
    Path(PathError),
    /// `{"a": {"$foo": 1}}`
    #[error("unknown operator `{0}`")]
    OperatorUnknown(String),
    /// `{"$where": "…"}`
    #[error("operator `{0}` is deliberately not supported")]
    OperatorRefused(String),
    /// `{"$gt": 1}`
    #[error("found operator `{0}` where a field name is expected")]
    OperatorMisplaced(String),
    /// `{"a": {"$gt": 1, "b": 2}}`
    #[error("cannot mix operator `{operator}` and field name `{name}` in one object")]
    NamesMixed {
        /// An operator in the object.
        operator: String,
        /// A plain name in the object.
        name: String,
    },
    /// `{"a": {"b": {"$gt": 1}}}`
    #[error("`{0}` is used as a name inside a literal, where it would be plain text")]
    NameInLiteral(String),
    /// `{"a": {"$gt": null}}`
    #[error("`{operator}` takes {expected}, not {found}")]
    OperandType {
        /// The operator as written.
        operator: String,
        /// What the operator takes.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// `{"a": {"$regularExpression": …}}`
    #[error("a regular expression cannot be a value")]
    RegexLiteral,
    /// `"read": "yes"`
    #[error("{place} is not an expression: that is `true`, `false` or an object, not {found}")]
    NotExpression {
        /// The place of the expression: `` `%not` ``.
        place: String,
        /// What was found.
        found: String,
    },
    /// `{"%and": []}`
    #[error("`{0}` needs at least one condition")]
    ListEmpty(String),
    /// `{"a": {"$options": "i"}}`
    #[error("`{0}` requires `$regex`")]
    OptionsAlone(String),
    /// `{"a": {"$eq": 1, "%eq": 2}}` is two conditions; `{"$regex": …, "%regex": …}` is not.
    #[error("`{0}` is given twice in one object, in two spellings")]
    OperatorTwice(String),
    /// `{"a": {"$regex": "("}}`
    #[error("{0}")]
    Pattern(PatternError),
    /// `{"%function": {"nam": "f"}}`
    #[error("`%function` has no key `{0}`")]
    FunctionKey(String),
    /// `{"%function": {}}`
    #[error("`%function` needs a `name`, a string that is not empty")]
    FunctionName,
    /// `{"%%true": {"$eq": 1}}`
    #[error("`{0}` cannot compare `%%true` or `%%false`: an expression or one `%function` belongs there")]
    BooleanOperator(String),
    /// A malformed literal.
    #[error("{0}")]
    Ejson(EjsonErrorKind),
    /// The text is not JSON.
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
