use std::fmt;

use super::Span;
use super::one_line::OneLine;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Information that requires no action.
    Note,
    /// Something is valid, but probably does not mean what its author intended.
    Warning,
    /// Something is invalid, or exposes what it should protect.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A stable code for a kind of finding, for programs and documentation, such as `expansion-unknown`.
pub trait Code {
    /// The code: lower-case words joined by `-`.
    fn code(&self) -> &'static str;
}

/// An error at a position in a source text. This is the error type of all stages that read text.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<K> {
    kind: K,
    span: Span,
    help: Option<String>,
}

impl<K> Located<K> {
    /// Creates an error at this position.
    pub const fn new(kind: K, span: Span) -> Self {
        Self { kind, span, help: None }
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The kind of error.
    pub const fn kind(&self) -> &K {
        &self.kind
    }

    /// The position.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Turns the error into one of a later stage, keeping position and suggestion.
    #[must_use]
    pub fn map<L>(self, wrap: impl FnOnce(K) -> L) -> Located<L> {
        Located { kind: wrap(self.kind), span: self.span, help: self.help }
    }
}

/// Displays the error on a single line, whatever text it quotes.
impl<K: fmt::Display> fmt::Display for Located<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(&self.kind).fmt(f)
    }
}

impl<K: fmt::Display + fmt::Debug> std::error::Error for Located<K> {}

/// A message about a position in a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The code of its kind.
    pub code: &'static str,
    /// The message: a line that starts in lower case, with quotations in backticks.
    pub message: String,
    /// The position.
    pub span: Span,
    /// A suggestion.
    pub help: Option<String>,
}

impl<K: fmt::Display + Code> From<Located<K>> for Finding {
    fn from(error: Located<K>) -> Self {
        Self {
            severity: Severity::Error,
            code: error.kind.code(),
            message: error.to_string(),
            span: error.span,
            help: error.help.map(|help| OneLine(help).to_string()),
        }
    }
}
