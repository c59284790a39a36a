//! Parsing of the parts of a test file.

use bson::{Bson, DateTime, Document};
use thiserror::Error;

use crate::json::{self, Member, Node};
use crate::text::{Code, Located, closest};

/// Why a test file is malformed, and where.
pub(super) type FormatError = Located<FormatErrorKind>;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(super) struct FormatErrorKind(pub(super) String);

impl Code for FormatErrorKind {
    fn code(&self) -> &'static str {
        "testfile"
    }
}

pub(super) fn format_error(message: impl Into<String>, node: &Node) -> FormatError {
    FormatError::new(FormatErrorKind(message.into()), node.span)
}

pub(super) fn check_keys(node: &Node, known: &[&str], place: &str, errors: &mut Vec<FormatError>) {
    let Some(members) = node.as_object() else {
        errors.push(format_error(format!("{place} must be an object, not {}", node.describe()), node));
        return;
    };
    for Member { key, key_span, .. } in members {
        if !known.contains(&key.as_str()) {
            let error = FormatError::new(FormatErrorKind(format!("unknown key `{key}` in {place}")), *key_span);
            errors.push(match closest(key, known.iter().copied()) {
                Some(word) => error.help(format!("did you mean `{word}`?")),
                None => error.help(format!("known are {}", known.join(", "))),
            });
        }
    }
}

pub(super) fn text(node: &Node, key: &str, errors: &mut Vec<FormatError>) -> Option<String> {
    let value = node.get(key)?;
    match value.as_str() {
        Some(text) => Some(text.to_owned()),
        None => {
            errors.push(format_error(format!("`{key}` must be a string, not {}", value.describe()), value));
            None
        }
    }
}

pub(super) fn document(node: &Node, key: &str, errors: &mut Vec<FormatError>) -> Option<Document> {
    let value = node.get(key)?;
    json::to_document(value)
        .map_err(|error| errors.push(error.map(|kind| FormatErrorKind(format!("`{key}`: {kind}")))))
        .ok()
}

pub(super) fn time(node: &Node, key: &str, errors: &mut Vec<FormatError>) -> Option<DateTime> {
    let value = node.get(key)?;
    match json::to_bson(value) {
        Ok(Bson::DateTime(time)) => Some(time),
        _ => {
            errors.push(format_error(format!("`{key}` must be a date: {{\"$date\": \"…\"}}"), value));
            None
        }
    }
}
