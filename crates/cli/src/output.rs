use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Color, Reset, Style as Ansi};
use portcullis::text::{Finding, OneLine, Source, Style};
use serde_json::{Value, json};

use super::terminal::{colourless, printable};
use super::trouble::Trouble;

/// Standard output, as text or as a single JSON document.
pub(super) struct Output {
    json: bool,
    is_terminal: bool,
    /// The number of elements written so far, while the JSON document's list is open.
    list: Option<u64>,
    stream: anstream::AutoStream<io::Stdout>,
}

/// The style for findings, with colours. They are removed later if the output is not a terminal.
pub(super) fn style() -> Style {
    Style {
        error: "\x1b[1m\x1b[31m",
        warning: "\x1b[1m\x1b[33m",
        note: "\x1b[1m\x1b[36m",
        dim: "\x1b[34m",
        reset: "\x1b[0m",
    }
}

/// Wraps a word in a colour's escape sequences.
pub(super) fn paint(word: &str, colour: AnsiColor) -> String {
    let style = Ansi::new().bold().fg_color(Some(Color::Ansi(colour)));
    format!("{style}{word}{Reset}")
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, is_terminal: io::stdout().is_terminal(), list: None, stream: anstream::stdout() }
    }

    /// Whether the output is a single JSON document.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a line.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Trouble> {
        self.text(text.as_ref())?;
        self.text("\n")
    }

    /// Writes text without a line break.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> Result<(), Trouble> {
        let text = text.as_ref();
        let text = if self.is_colourless() { colourless(text) } else { Cow::Borrowed(text) };
        self.bytes(text.as_bytes())
    }

    /// Whether colours are removed from the output.
    pub(super) fn is_colourless(&self) -> bool {
        self.stream.current_choice() == anstream::ColorChoice::Never
    }

    /// Writes UTF-8 text in one call. The caller has removed colours if they cannot be shown; on a terminal, control
    /// characters are escaped.
    pub(super) fn bytes(&mut self, text: &[u8]) -> Result<(), Trouble> {
        let mut stdout = self.stream.as_inner();
        if self.is_terminal {
            return Ok(stdout.write_all(printable(&String::from_utf8_lossy(text)).as_bytes())?);
        }
        Ok(stdout.write_all(text)?)
    }

    /// Writes the output's single JSON document.
    pub(super) fn document(&mut self, value: &Value) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
        self.line(text)
    }

    /// Begins a JSON document that consists of a list. Its elements are written one by one, so that memory use does not
    /// grow with it. Writes nothing if the output is text.
    pub(super) fn begin_list(&mut self, name: &str) -> Result<(), Trouble> {
        if self.json && self.list.is_none() {
            self.text(format!("{{\"{name}\": ["))?;
            self.list = Some(0);
        }
        Ok(())
    }

    /// Writes an element of the list: JSON without a line break, or a line of text.
    pub(super) fn element(&mut self, text: &str) -> Result<(), Trouble> {
        let Some(count) = &mut self.list else { return self.line(text) };
        let separator = if *count == 0 { "\n" } else { ",\n" };
        *count = count.saturating_add(1);
        self.text(format!("{separator}{text}"))
    }

    /// Ends the document that [`begin_list`](Self::begin_list) began.
    pub(super) fn end_list(&mut self) -> Result<(), Trouble> {
        if self.list.take().is_some() { self.line("\n]}") } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> Result<(), Trouble> {
        Ok(self.stream.flush()?)
    }

    /// Reports an error on standard error and, if the output is JSON, as the JSON document.
    pub(super) fn trouble(&mut self, trouble: &Trouble) {
        let findings = self.report(trouble);
        // For `Reported`, the document with the details has already been written.
        if self.json && !matches!(trouble, Trouble::Reported(_)) {
            let (error, findings) = (json!(trouble.to_string()), json!(findings));
            // The elements written so far stay valid JSON: the error is added to the same document.
            let _ = match self.list.take() {
                Some(_) => self.line(format!("\n], \"error\": {error}, \"findings\": {findings}}}")),
                None => self.document(&json!({ "error": error, "findings": findings })),
            };
        }
    }

    /// Reports an error on standard error; returns its findings as JSON.
    pub(super) fn report(&mut self, trouble: &Trouble) -> Vec<Value> {
        let mut text = String::new();
        let mut findings = Vec::new();
        match trouble {
            Trouble::Findings { source_text, findings: found, pointers, .. } => {
                for (finding, pointer) in found.iter().zip(pointers) {
                    text.push_str(&source_text.render(finding, pointer.as_deref(), style()));
                    findings.push(finding_to_json(source_text, finding, pointer.as_deref()));
                }
            }
            Trouble::Files { what, found } => {
                text = format!("{}: {what}\n", paint("error", AnsiColor::Red));
                for found in found {
                    text.push_str(&found.render(style()));
                    findings.push(finding_to_json(&found.source, &found.finding, found.pointer.as_deref()));
                }
            }
            Trouble::App(error) => {
                text = format!("{}: {error}\n", paint("error", AnsiColor::Red));
                text.extend(error.help().map(|help| format!("  help: {help}\n")));
            }
            other => text = format!("{}: {}\n", paint("error", AnsiColor::Red), OneLine(other)),
        }
        say(&text);
        findings
    }
}

/// Writes text to standard error.
pub(super) fn say(text: &str) {
    let stream = anstream::stderr();
    let text =
        if stream.current_choice() == anstream::ColorChoice::Never { colourless(text) } else { Cow::Borrowed(text) };
    let text = if io::stderr().is_terminal() { printable(&text) } else { text };
    // There is nowhere to report this failure.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes a note to standard error.
pub(super) fn note(message: &str) {
    say(&format!("{}: {}\n", paint("note", AnsiColor::Cyan), OneLine(message)));
}

/// A finding as JSON.
pub(super) fn finding_to_json(source: &Source, finding: &Finding, pointer: Option<&str>) -> Value {
    let (line, column) = source.position(finding.span.start);
    json!({
        "file": source.name(),
        "line": line,
        "column": column,
        "pointer": pointer,
        "severity": finding.severity.to_string(),
        "code": finding.code,
        "message": finding.message,
        "help": finding.help,
    })
}

/// `1 file`, `2 files`.
pub(super) fn plural(count: &dyn ToString, word: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {word}{ending}")
}
