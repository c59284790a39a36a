//! Formats a decision as text and as JSON.

use std::borrow::Cow;

use anstyle::AnsiColor;
use portcullis::text::OneLine;
use portcullis::value::DocumentRef;
use portcullis::{Decision, Reason, json};
use serde_json::{Map, Value, json};

use super::subject::Verb;
use crate::missing::MissingParts;
use crate::output::paint;

/// A decision in the form in which it is printed.
pub(super) struct Summary<'s> {
    pub(super) role: Option<&'s str>,
    pub(super) reason: Option<Reason>,
    pub(super) errors: Vec<String>,
    pub(super) missing: MissingParts,
    /// The visible part, as one line of JSON.
    pub(super) visible: Option<&'s [u8]>,
}

impl<'s> Summary<'s> {
    fn new<T>(decision: &Decision<'s, T>) -> Self {
        Self {
            role: decision.role(),
            reason: decision.reason().cloned(),
            errors: decision.errors().iter().map(ToString::to_string).collect(),
            missing: MissingParts::of(decision.errors()),
            visible: None,
        }
    }

    pub(super) fn of_read<T>(
        decision: Decision<'s, T>,
        document: impl FnOnce(&T) -> DocumentRef<'_>,
        text: &'s mut Vec<u8>,
    ) -> Self {
        let mut summary = Self::new(&decision);
        text.clear();
        match decision.allowed().map(|visible| json::write(document(&visible), text)) {
            Some(Ok(())) => summary.visible = Some(text),
            Some(Err(error)) => {
                summary.reason = Some(Reason::Failed);
                summary.errors.push(error.to_string());
            }
            None => {}
        }
        summary
    }

    pub(super) fn of_write(decision: &Decision<'s, ()>) -> Self {
        Self::new(decision)
    }

    pub(super) fn headline(&self, verb: Verb, colourless: bool) -> String {
        let paint = |word: &str, colour| if colourless { word.to_owned() } else { paint(word, colour) };
        let role = self.role.as_ref().map_or_else(String::new, |role| format!(" as `{}`", OneLine(role)));
        match &self.reason {
            None => format!("{}{role}", paint("allowed", AnsiColor::Green)),
            Some(Reason::Fields(_)) => {
                let what = match verb {
                    Verb::Delete => "a delete needs write permission on every field; not writable:",
                    Verb::Insert => "an insert needs write permission on every field; not writable:",
                    Verb::Read | Verb::Search | Verb::Update => "fields that may not be written:",
                };
                format!("{}{role}: {what}", paint("denied", AnsiColor::Red))
            }
            Some(Reason::Schema(_)) => {
                format!("{}{role}: the document violates the schema", paint("denied", AnsiColor::Red))
            }
            Some(reason) => format!("{}{role}: {}", paint("denied", AnsiColor::Red), OneLine(reason)),
        }
    }

    pub(super) fn details(&self) -> Vec<String> {
        let mut lines: Vec<String> = match &self.reason {
            Some(Reason::Fields(fields)) => fields.iter().map(|field| format!("field: {field}")).collect(),
            Some(Reason::Schema(failures)) => failures.iter().map(|failure| format!("schema: {failure}")).collect(),
            _ => Vec::new(),
        };
        lines.extend(self.errors.iter().map(|error| format!("error: {error}")));
        lines
    }

    pub(super) fn to_json(&self, explanation: Option<Value>, line: Option<usize>) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("allowed".to_owned(), json!(self.reason.is_none()));
        object.insert("role".to_owned(), json!(self.role));
        if let Some(reason) = &self.reason {
            object.insert("reason".to_owned(), json!({ "code": reason.code(), "message": reason.to_string() }));
            match reason {
                Reason::Fields(fields) => {
                    object.insert("fields".to_owned(), json!(fields));
                }
                Reason::Schema(failures) => {
                    let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
                    object.insert("schema".to_owned(), json!(failures));
                }
                _ => {}
            }
        }
        object.insert("errors".to_owned(), json!(self.errors));
        let mut text = Value::Object(object).to_string().into_bytes();
        text.pop();
        let visible = self.visible.map(|visible| ("document", Cow::Borrowed(visible)));
        let explanation =
            explanation.map(|explanation| ("explanation", Cow::Owned(explanation.to_string().into_bytes())));
        let line = line.map(|line| ("line", Cow::Owned(line.to_string().into_bytes())));
        for (key, value) in [visible, explanation, line].into_iter().flatten() {
            text.extend_from_slice(format!(",\"{key}\":").as_bytes());
            text.extend_from_slice(&value);
        }
        text.push(b'}');
        text
    }
}
