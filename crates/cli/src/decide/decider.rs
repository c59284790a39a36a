//! Decides on documents, one by one or in parallel.

use bson::Bson;
use portcullis::access::Buffer;
use portcullis::eval::Truth;
use portcullis::login::DataAge;
use portcullis::text::{OneLine, Source};
use portcullis::value::DocumentRef;
use portcullis::{Guard, Operation, Reason, Visible, json};
use serde_json::json;

use super::answers::Answers;
use super::subject::{Subject, Verb, refuse_operators};
use super::summary::Summary;
use crate::explain;
use crate::input::{Input, one_per_line};
use crate::trouble::Trouble;

/// Buffers that are reused for each document.
#[derive(Default)]
pub(super) struct Workspace {
    /// The visible part of a document, as BSON and as one line of JSON.
    buffer: Buffer,
    visible: Vec<u8>,
}

pub(super) struct Decider {
    pub(super) guard: Guard,
    pub(super) age: Option<DataAge>,
    pub(super) operation: Verb,
    pub(super) explain: bool,
    pub(super) json: bool,
    pub(super) colourless: bool,
    pub(super) several: bool,
}

impl Decider {
    /// Removes colours if standard output cannot show them. This is done here, so that the worker thread does it.
    pub(super) fn finish(&self, answers: Answers) -> Answers {
        if self.colourless { answers.without_colours() } else { answers }
    }

    /// Decides on the document, or the two documents of an update, that begin on this line of standard input.
    pub(super) fn decide_text(
        &self,
        line: usize,
        bytes: &[u8],
        document: &mut Vec<u8>,
        workspace: &mut Workspace,
        answers: &mut Answers,
    ) {
        let straight = json::to_raw_document(bytes, document);
        if let Some(operation) = straight.and_then(|document| self.operation.of_raw(document)) {
            return self.decide(operation, Some(line), workspace, answers);
        }
        match self.read(line, bytes) {
            Ok(subject) => self.decide(subject.operation(self.operation), Some(line), workspace, answers),
            Err(trouble) => {
                answers.counts.broken += 1;
                if self.json {
                    answers.element(json!({ "line": line, "error": trouble.to_string() }).to_string());
                }
                answers.troubles.push((answers.text.len(), trouble));
            }
        }
    }

    fn read(&self, line: usize, bytes: &[u8]) -> Result<Subject, Trouble> {
        let source = Source::new("<standard input>", String::from_utf8_lossy(bytes)).from_line(line);
        let input = Input::parse(source, bytes, "a document")?;
        if input.node.as_array().is_some() {
            return Err(Trouble::usage(format!("line {line}: {}", one_per_line("documents", "document"))));
        }
        if self.operation != Verb::Update {
            return Ok(Subject::One(input.document("a document")?));
        }
        let mut pair = input.document("an update")?;
        match (pair.remove("before"), pair.remove("after"), pair.is_empty()) {
            (Some(Bson::Document(before)), Some(Bson::Document(after)), true) => {
                refuse_operators(&after)?;
                Ok(Subject::Pair(before, after))
            }
            _ => Err(Trouble::usage(format!(
                "line {line}: an update on standard input must be {{\"before\": {{…}}, \"after\": {{…}}}}"
            ))),
        }
    }

    /// Chooses the more helpful of two reasons: if the role permits no inserts or deletes at all, its field rules are
    /// irrelevant.
    fn plainest<'s>(&self, summary: Summary<'s>, operation: Operation<'_>, plain: Reason) -> Summary<'s> {
        if !matches!(summary.reason, Some(Reason::Fields(_))) {
            return summary;
        }
        let refuses = self
            .guard
            .explain(operation)
            .rules
            .into_iter()
            .any(|rule| rule.place == plain.code() && rule.trace.is_some_and(|trace| trace.truth == Truth::False));
        if refuses { Summary { reason: Some(plain), ..summary } } else { summary }
    }

    /// Decides on one operation; `line` is where the document begins on standard input.
    pub(super) fn decide(
        &self,
        operation: Operation<'_>,
        line: Option<usize>,
        Workspace { buffer, visible }: &mut Workspace,
        answers: &mut Answers,
    ) {
        let summary = match operation {
            Operation::Read(DocumentRef::Raw(stored)) => {
                Summary::of_read(self.guard.read_into(stored, buffer), |visible| DocumentRef::Raw(visible), visible)
            }
            Operation::Search(DocumentRef::Raw(stored)) => {
                Summary::of_read(self.guard.search_into(stored, buffer), |visible| DocumentRef::Raw(visible), visible)
            }
            Operation::Read(stored) => Summary::of_read(self.guard.read(stored), Visible::as_document, visible),
            Operation::Search(stored) => Summary::of_read(self.guard.search(stored), Visible::as_document, visible),
            Operation::Insert(new) => {
                self.plainest(Summary::of_write(&self.guard.insert(new)), operation, Reason::Insert)
            }
            Operation::Update(stored, new) => Summary::of_write(&self.guard.update(stored, new)),
            Operation::Delete(stored) => {
                self.plainest(Summary::of_write(&self.guard.delete(stored)), operation, Reason::Delete)
            }
        };
        answers.counts.decided += 1;
        answers.counts.denied += usize::from(summary.reason.is_some());
        if summary.reason.is_some() {
            answers.counts.missing.join(&summary.missing);
        }
        let explanation = self.explain.then(|| self.guard.explain(operation));
        if self.json {
            let explanation = explanation.map(|explanation| explain::to_json(&explanation, self.age));
            return answers.element(summary.to_json(explanation, line));
        }
        if let Some(line) = line {
            answers.write(format_args!("line {line}: "));
        }
        answers.line(summary.headline(self.operation, self.colourless));
        for line in summary.details() {
            answers.line(format!("  {}", OneLine(line)));
        }
        if let Some(visible) = summary.visible {
            if self.several { answers.line(visible) } else { answers.line(pretty(visible)) }
        }
        for line in explanation.iter().flat_map(|explanation| explain::lines(explanation, self.age)) {
            answers.line(line);
        }
    }
}

fn pretty(text: &[u8]) -> Vec<u8> {
    json::parse_bytes(text).map_or_else(|_| text.to_vec(), |node| node.to_pretty().into_bytes())
}
