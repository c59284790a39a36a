use std::fmt::Write as _;

use super::one_line::{OneLine, is_unprintable};
use super::{Finding, Severity, Span};

/// A text with a name, for showing positions in it to people.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// The number of the first line, starting at 1.
    first_line: usize,
    /// The byte offset at which each line starts.
    lines: Box<[usize]>,
    /// The number of characters that start before each multiple of [`BLOCK`]. A file may be a single line of megabytes,
    /// with many findings.
    characters: Box<[usize]>,
}

/// The escape sequences around parts of a rendered finding. They are empty strings for plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Precedes the severity of an error.
    pub error: &'static str,
    /// Precedes the severity of a warning.
    pub warning: &'static str,
    /// Precedes the severity of a note.
    pub note: &'static str,
    /// Precedes what is less important, such as arrows and line numbers.
    pub dim: &'static str,
    /// Ends any of these.
    pub reset: &'static str,
}

/// The number of characters above which a line is cut to a window around the position.
const LINE_WINDOW: usize = 120;

/// The number of bytes in which characters are counted for each position.
const BLOCK: usize = 1024;

impl Source {
    /// Creates a source. The name is used in messages: a path, or something like `<expression>`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(after).collect();
        let characters = text
            .as_bytes()
            .chunks(BLOCK)
            .scan(0, |total, block| Some(std::mem::replace(total, *total + characters_in(block))))
            .collect();
        Self { name: name.into(), text, first_line: 1, lines, characters }
    }

    /// Sets the number of the first line, for a text that is part of a longer one.
    #[must_use]
    pub const fn from_line(mut self, line: usize) -> Self {
        self.first_line = line;
        self
    }

    /// The number of the first line.
    #[must_use]
    pub const fn first_line(&self) -> usize {
        self.first_line
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte offset, both starting at 1. Columns are counted in characters.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let (line, start) = self.line_of(offset);
        let column = self.characters_before(offset).saturating_sub(self.characters_before(start)) + 1;
        (self.first_line + line, column)
    }

    /// The index of the line that contains an offset, and where the line starts.
    fn line_of(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        (line, self.lines.get(line).copied().unwrap_or(0))
    }

    /// The number of characters that start before an offset.
    fn characters_before(&self, offset: usize) -> usize {
        let block = (offset / BLOCK).min(self.characters.len().saturating_sub(1));
        let rest = self.text.as_bytes().get(block * BLOCK..offset).unwrap_or_default();
        self.characters.get(block).copied().unwrap_or(0) + characters_in(rest)
    }

    /// Renders a finding for people to read: the message, the position, the line with carets under it, and the
    /// suggestion. It ends with a newline. `pointer` is the JSON pointer of the position, if there is one.
    #[must_use]
    pub fn render(&self, finding: &Finding, pointer: Option<&str>, style: Style) -> String {
        let Style { dim, reset, .. } = style;
        let colour = match finding.severity {
            Severity::Error => style.error,
            Severity::Warning => style.warning,
            Severity::Note => style.note,
        };
        let (line, column) = self.position(finding.span.start);
        let place = pointer.map_or_else(String::new, |pointer| match pointer {
            "" => String::new(),
            pointer => format!("  ({})", OneLine(pointer)),
        });
        let (shown, before, marked) = self.line_around(finding.span);
        let number = line.to_string();
        let gutter = " ".repeat(number.len().max(3));
        let help = OneLine(finding.help.as_deref().unwrap_or_default()).to_string();
        let mut out = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "{colour}{}[{}]{reset}: {}", finding.severity, finding.code, OneLine(&finding.message));
        let _ = writeln!(out, "  {dim}-->{reset} {}:{line}:{column}{place}", printable(&self.name));
        if !shown.trim().is_empty() {
            let _ = writeln!(out, "{dim}{number:>3} |{reset} {shown}");
            let _ = writeln!(
                out,
                "{dim}{gutter} |{reset} {}{colour}{}{reset} {help}",
                " ".repeat(before),
                "^".repeat(marked.max(1))
            );
        } else if !help.is_empty() {
            let _ = writeln!(out, "{dim}{gutter} ={reset} {help}");
        }
        while out.ends_with([' ', '\n']) {
            out.pop();
        }
        out.push('\n');
        out
    }

    /// The line in which a span starts, made printable and cut to a window; the number of columns before the span; and
    /// the number of columns that the span takes up in the line.
    fn line_around(&self, span: Span) -> (String, usize, usize) {
        let at = self.floor(span.start);
        let (line, start) = self.line_of(at);
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let head = self.text.get(start..at).unwrap_or_default();
        let tail = self.text.get(at..end).unwrap_or_default().trim_end_matches('\r');
        // The search starts at the position and goes outwards, because a file may be a single line of a megabyte.
        let cut_before = head.char_indices().rev().nth(LINE_WINDOW / 2 - 1).map_or(0, |(at, _)| at);
        let head = head.get(cut_before..).unwrap_or_default();
        let cut_after = tail.chars().nth(LINE_WINDOW).is_some();
        let tail: String = tail.chars().take(LINE_WINDOW).collect();
        let marked: String = {
            let length = self.floor(span.end).saturating_sub(at);
            tail.char_indices().take_while(|(i, _)| *i < length).map(|(_, c)| c).collect()
        };
        let (head, marked, tail) = (printable(head), printable(&marked), printable(&tail));
        let (left, right) = (if cut_before > 0 { "… " } else { "" }, if cut_after { " …" } else { "" });
        let before = left.chars().count() + head.chars().count();
        (format!("{left}{head}{tail}{right}"), before, marked.chars().count())
    }

    /// The largest character boundary that is not after `offset`.
    fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The number of characters that start in a part of a text in UTF-8.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

/// Shows tabs as spaces, and characters that a terminal might interpret or reorder as replacement characters.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if is_unprintable(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}
