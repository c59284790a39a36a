use std::fmt;

use thiserror::Error;

use crate::expr::ExprErrorKind;
use crate::json::{EjsonErrorKind, JsonErrorKind, MAX_SIZE};
use crate::text::{Code, Finding, OneLine, Severity, Span};

/// Why a template does not load, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateError {
    kind: TemplateErrorKind,
    pointer: Box<str>,
    span: Span,
    help: Option<String>,
}

/// The kinds of [`TemplateError`].
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// The text is not JSON.
    #[error("{0}")]
    Json(JsonErrorKind),
    /// An object that looks like an extended JSON literal but is malformed.
    #[error("{0}")]
    Ejson(EjsonErrorKind),
    /// A string that begins with `%%` but is not an expansion, or a `%(…)` whose content is not one.
    #[error("{0}")]
    Expansion(ExprErrorKind),
    /// An insertion without its `)`: `%(%%user.id`
    #[error("`%(` is never closed")]
    Unclosed,
    /// An empty insertion: `%()`
    #[error("`%()` is empty")]
    InsertionEmpty,
    /// An alternative that is neither an expansion nor a literal: `%(user.id)`
    #[error("`{0}` is neither an expansion nor a literal")]
    InsertionUnknown(String),
    /// An insertion with a syntax error: `%(%%user.id "you")`
    #[error("`{0}` is malformed")]
    InsertionMalformed(String),
    /// A literal before the last alternative: `%("you", %%user.data.name)`
    #[error("a literal must be the last alternative")]
    LiteralNotLast,
    /// `null` as an alternative: `%(%%user.data.name, null)`
    #[error("null has no text")]
    NullInText,
    /// A key that begins with `%` but is not an operator.
    #[error("unknown operator `{0}`")]
    OperatorUnknown(String),
    /// An operator that is not the only key of its object.
    #[error("the operator `{0}` must be the only key of its object")]
    OperatorNotAlone(String),
    /// An operand of `%default` that is not a non-empty array: `{"%default": []}`
    #[error("`%default` takes an array of one or more templates")]
    DefaultOperand,
    /// A malformed operand of `%function`: `{"%function": "f"}`
    #[error("`%function` takes an object with a `name`, a string, and optionally `arguments`")]
    FunctionOperand,
    /// Nesting deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
    #[error("nested deeper than {max} levels", max = crate::json::MAX_DEPTH)]
    TooDeep,
    /// More than [`MAX_SIZE`] bytes.
    #[error("a template has at most {MAX_SIZE} bytes")]
    TooLarge,
}

impl TemplateError {
    pub(super) fn new(kind: TemplateErrorKind, pointer: &str, span: Span, help: Option<String>) -> Self {
        Self { kind, pointer: pointer.into(), span, help }
    }

    /// The kind of error.
    #[must_use]
    pub const fn kind(&self) -> &TemplateErrorKind {
        &self.kind
    }

    /// The JSON pointer (RFC 6901) of the error in the template.
    #[must_use]
    pub const fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The position in the source text; empty for a template that was not parsed from text.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// A suggestion, if there is an obvious one.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OneLine(&self.kind))?;
        if !self.pointer.is_empty() {
            write!(f, " (at {})", OneLine(&self.pointer))?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateError {}

impl Code for TemplateErrorKind {
    fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Ejson(error) => error.code(),
            Self::Expansion(error) => error.code(),
            Self::Unclosed => "template-unclosed",
            Self::InsertionEmpty | Self::InsertionUnknown(_) | Self::InsertionMalformed(_) => "template-insertion",
            Self::LiteralNotLast => "template-literal-not-last",
            Self::NullInText => "template-null",
            Self::OperatorUnknown(_) => "template-operator-unknown",
            Self::OperatorNotAlone(_) => "template-operator-not-alone",
            Self::DefaultOperand => "template-default",
            Self::FunctionOperand => "template-function",
            Self::TooDeep => "template-depth",
            Self::TooLarge => "template-size",
        }
    }
}

impl From<TemplateError> for Finding {
    fn from(error: TemplateError) -> Self {
        Self {
            severity: Severity::Error,
            code: error.kind.code(),
            message: OneLine(&error.kind).to_string(),
            span: error.span,
            help: error.help.map(|help| OneLine(help).to_string()),
        }
    }
}

/// All errors of a template, in the order in which they were found; at least one.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{}", list(.0))]
pub struct TemplateErrors(pub(super) Vec<TemplateError>);

impl TemplateErrors {
    /// The errors.
    #[must_use]
    pub fn as_slice(&self) -> &[TemplateError] {
        &self.0
    }
}

impl From<TemplateErrors> for Vec<Finding> {
    fn from(errors: TemplateErrors) -> Self {
        errors.0.into_iter().map(Finding::from).collect()
    }
}

fn list(errors: &[TemplateError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
