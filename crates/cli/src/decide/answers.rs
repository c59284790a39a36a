//! What is said about documents, and how many of them were decided about.

use std::io::Write as _;

use crate::missing::MissingParts;
use crate::output::Output;
use crate::terminal::colourless;
use crate::trouble::Trouble;

pub(super) fn write_answers(answers: &Answers, counts: &mut Counts, output: &mut Output) -> Result<(), Trouble> {
    let mut text = answers.text.as_slice();
    // Of the elements of the JSON document, the first has no comma before it.
    if output.is_json() && counts.decided + counts.broken == 0 {
        text = text.strip_prefix(b",").unwrap_or(text);
    }
    let start = answers.text.len() - text.len();
    let mut written = 0;
    for (at, trouble) in &answers.troubles {
        let at = at.saturating_sub(start);
        output.bytes(text.get(written..at).unwrap_or_default())?;
        output.flush()?;
        output.report(trouble);
        written = at;
    }
    output.bytes(text.get(written..).unwrap_or_default())?;
    counts.decided += answers.counts.decided;
    counts.denied += answers.counts.denied;
    counts.broken += answers.counts.broken;
    counts.missing.join(&answers.counts.missing);
    Ok(())
}

/// How many documents were decided about, and how many were not.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) decided: usize,
    pub(super) denied: usize,
    pub(super) broken: usize,
    /// What denials were for want of.
    pub(super) missing: MissingParts,
}

/// The answers about some documents.
#[derive(Default)]
pub(super) struct Answers {
    /// In JSON, each begins with a comma.
    pub(super) text: Vec<u8>,
    /// What is said about documents that could not be read, and where in the text.
    pub(super) troubles: Vec<(usize, Trouble)>,
    pub(super) counts: Counts,
}

impl Answers {
    pub(super) fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // A list of bytes takes everything.
        let _ = self.text.write_fmt(text);
    }

    pub(super) fn line(&mut self, line: impl AsRef<[u8]>) {
        self.text.extend_from_slice(line.as_ref());
        self.text.push(b'\n');
    }

    pub(super) fn element(&mut self, element: impl AsRef<[u8]>) {
        self.text.extend_from_slice(b",\n");
        self.text.extend_from_slice(element.as_ref());
    }

    pub(super) fn without_colours(mut self) -> Self {
        if !self.text.contains(&ESCAPE) {
            return self;
        }
        let mut text = Vec::with_capacity(self.text.len());
        let mut from = 0;
        let mut take = |to: usize| {
            let part = String::from_utf8_lossy(self.text.get(from..to).unwrap_or_default());
            text.extend_from_slice(colourless(&part).as_bytes());
            from = to;
            text.len()
        };
        for (at, _) in &mut self.troubles {
            *at = take(*at);
        }
        take(self.text.len());
        self.text = text;
        self
    }
}

/// What every sequence that colours a text begins with.
const ESCAPE: u8 = 0x1b;
