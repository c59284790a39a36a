use std::fmt;

use super::Span;
use super::one_line::OneLine;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing need be done.
    Note,
    /// Loads, but is probably not what its author means.
    Warning,
    /// Does not load, or gives away what it should protect.
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

/// A stable name of a kind of finding, for programs and documentation: `expansion-unknown`.
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

    /// Adds the way out.
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

    /// Wraps the error as one of a later stage; position and help are kept.
    #[must_use]
    pub fn map<L>(self, wrap: impl FnOnce(K) -> L) -> Located<L> {
        Located { kind: wrap(self.kind), span: self.span, help: self.help }
    }
}

/// On one line, whatever text of the user it quotes.
impl<K: fmt::Display> fmt::Display for Located<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(&self.kind).fmt(f)
    }
}

impl<K: fmt::Display + fmt::Debug> std::error::Error for Located<K> {}

/// Something to tell about one place of a source text, whichever stage found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The stable name of its kind.
    pub code: &'static str,
    /// One line in lower case; text of the user stands in backticks.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The way out.
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
