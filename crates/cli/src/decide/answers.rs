//! The results for documents, and how many there are.

use std::io::Write as _;

use crate::missing::MissingParts;
use crate::output::Output;
use crate::terminal::colourless;
use crate::trouble::Trouble;

pub(super) fn write_answers(answers: &Answers, counts: &mut Counts, output: &mut Output) -> Result<(), Trouble> {
    let mut text = answers.text.as_slice();
    // The first element of the JSON array has no leading comma.
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

/// The number of documents that were decided, denied and unreadable.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) decided: usize,
    pub(super) denied: usize,
    pub(super) broken: usize,
    /// The missing context parts that led to denials.
    pub(super) missing: MissingParts,
}

/// The results for some documents.
#[derive(Default)]
pub(super) struct Answers {
    /// In JSON output, each element begins with a comma.
    pub(super) text: Vec<u8>,
    /// The errors of unreadable documents, each with its position in `text`.
    pub(super) troubles: Vec<(usize, Trouble)>,
    pub(super) counts: Counts,
}

impl Answers {
    pub(super) fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a byte vector cannot fail.
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

/// The first byte of the escape sequences for colours.
const ESCAPE: u8 = 0x1b;
