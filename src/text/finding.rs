use std::fmt;

use super::Span;
use super::one_line::OneLine;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information; no action is needed.
    Note,
    /// Loads, but is probably not what its author means.
    Warning,
    /// Does not load, or exposes what it should protect.
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

/// A stable name for a kind of finding, for programs and documentation: `expansion-unknown`.
pub trait Code {
    /// The name: lower-case words joined by `-`.
    fn code(&self) -> &'static str;
}

/// What went wrong at one place of a source text: the error type of every stage that reads text.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<K> {
    kind: K,
    span: Span,
    help: Option<String>,
}

impl<K> Located<K> {
    /// `kind` happened at `span`.
    pub const fn new(kind: K, span: Span) -> Self {
        Self { kind, span, help: None }
    }

    /// Adds help: what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What went wrong.
    pub const fn kind(&self) -> &K {
        &self.kind
    }

    /// Where in the text.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Wraps the error as one of a later stage, keeping position and help.
    #[must_use]
    pub fn map<L>(self, wrap: impl FnOnce(K) -> L) -> Located<L> {
        Located { kind: wrap(self.kind), span: self.span, help: self.help }
    }
}

/// Always on one line, whatever user text it quotes.
impl<K: fmt::Display> fmt::Display for Located<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(&self.kind).fmt(f)
    }
}

impl<K: fmt::Display + fmt::Debug> std::error::Error for Located<K> {}

/// A message about one position in a source text, from any stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The stable name of its kind.
    pub code: &'static str,
    /// One line in lower case, with user text in backticks.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to do about it.
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
