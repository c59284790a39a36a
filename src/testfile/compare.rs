//! Comparison of results with expectations.

use bson::{Bson, Document};
use serde_json::{Value, json};

use crate::access::{Decision, Reason, Visible};
use crate::eval::EvalError;
use crate::json::{self, Node};
use crate::value::identical;

/// A result in the format of expectations, and whether it matches.
pub(super) struct Answer {
    pub(super) agrees: bool,
    pub(super) got: Value,
}

/// The string at a key of an expectation, if there is one.
fn text<'n>(expect: &'n Node, key: &str) -> Option<&'n str> {
    expect.get(key).and_then(Node::as_str)
}

fn texts(expect: &Node, key: &str) -> Option<Vec<String>> {
    let list = expect.get(key)?.as_array()?;
    Some(list.iter().filter_map(Node::as_str).map(str::to_owned).collect())
}

pub(super) fn same_document(expect: &Node, got: &Bson) -> bool {
    json::to_bson(expect).is_ok_and(|expected| identical((&expected).into(), got.into()).unwrap_or(false))
}

fn join(errors: &[EvalError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn role_agrees(expect: &Node, role: Option<&str>) -> bool {
    expect.get("role").is_none_or(|expected| expected.as_str() == role)
}

fn error_agrees(expect: &Node, errors: &[EvalError]) -> bool {
    text(expect, "error").is_none_or(|text| errors.iter().any(|error| error.to_string().contains(text)))
}

/// The parts of a result that all decisions have in common.
fn common<T>(decision: &Decision<'_, T>) -> serde_json::Map<String, Value> {
    let mut got = serde_json::Map::new();
    got.insert("role".into(), json!(decision.role()));
    got
}

fn denial(got: &mut serde_json::Map<String, Value>, reason: &Reason, errors: &[EvalError]) {
    got.insert("denied".into(), json!(true));
    got.insert("reason".into(), json!(reason.to_string()));
    if !errors.is_empty() {
        got.insert("error".into(), json!(join(errors)));
    }
}

pub(super) fn read(expect: &Node, decision: Decision<'_, Visible<'_>>) -> Answer {
    let mut got = common(&decision);
    let agrees = role_agrees(expect, decision.role());
    match decision.reason() {
        Some(reason) => {
            denial(&mut got, reason, decision.errors());
            let agrees = agrees && expect.get("denied").is_some() && error_agrees(expect, decision.errors());
            Answer { agrees, got: Value::Object(got) }
        }
        None => {
            let visible = decision.allowed().and_then(|visible| visible.to_document().ok()).unwrap_or_default();
            let visible = Bson::Document(visible);
            got.insert("document".into(), json::from_bson(&visible));
            let agrees = agrees && expect.get("document").is_some_and(|expected| same_document(expected, &visible));
            Answer { agrees, got: Value::Object(got) }
        }
    }
}

pub(super) fn write(expect: &Node, decision: &Decision<'_, ()>) -> Answer {
    let mut got = common(decision);
    let mut agrees = role_agrees(expect, decision.role());
    match decision.reason() {
        None => {
            got.insert("allowed".into(), json!(true));
            agrees &= expect.get("allowed").is_some();
        }
        Some(reason) => {
            denial(&mut got, reason, decision.errors());
            agrees &= expect.get("denied").is_some() && error_agrees(expect, decision.errors());
            let (fields, mut failures) = match reason {
                Reason::Fields(fields) => (fields.clone(), Vec::new()),
                Reason::Schema(failures) => (Vec::new(), failures.iter().map(ToString::to_string).collect()),
                _ => (Vec::new(), Vec::new()),
            };
            if !fields.is_empty() {
                got.insert("fields".into(), json!(fields));
            }
            if !failures.is_empty() {
                got.insert("schema".into(), json!(failures));
            }
            agrees &= texts(expect, "fields").is_none_or(|expected| expected == fields);
            failures.sort_unstable();
            agrees &= texts(expect, "schema").is_none_or(|mut expected| {
                expected.sort_unstable();
                expected == failures
            });
        }
    }
    Answer { agrees, got: Value::Object(got) }
}

/// Compares the result of a query: the documents found, and the filter sent to the database. `sent` is `None`, for
/// which the expectation is `null`, if nothing can be permitted and the database is not queried.
pub(super) fn query(expect: &Node, found: &[Document], sent: Option<Document>) -> Answer {
    let ids: Bson =
        found.iter().map(|document| document.get("_id").cloned().unwrap_or(Bson::Null)).collect::<Vec<_>>().into();
    let documents: Bson = found.iter().cloned().map(Bson::Document).collect::<Vec<_>>().into();
    let sent = sent.map_or(Bson::Null, Bson::Document);
    let agrees = expect.get("ids").is_some_and(|expected| same_document(expected, &ids))
        && expect.get("documents").is_none_or(|expected| same_document(expected, &documents))
        && expect.get("filter").is_none_or(|expected| same_document(expected, &sent));
    let mut got = json!({ "ids": json::from_bson(&ids), "documents": json::from_bson(&documents) });
    if let (Some(_), Some(object)) = (expect.get("filter"), got.as_object_mut()) {
        object.insert("filter".to_owned(), json::from_bson(&sent));
    }
    Answer { agrees, got }
}

/// For an expectation `{key: text}`: whether any of the messages contains the text.
pub(super) fn message(expect: &Node, key: &str, messages: &[String]) -> Answer {
    let agrees = text(expect, key).is_some_and(|text| messages.iter().any(|message| message.contains(text)));
    Answer { agrees, got: json!({ key: messages.join("; ") }) }
}

/// For an expectation `{key: [text, …]}`: whether there is a different message for each of the texts that contains it.
pub(super) fn messages(expect: &Node, key: &str, messages: &[String]) -> Answer {
    let agrees = texts(expect, key).is_some_and(|texts| each_has_its_own(&texts, messages));
    Answer { agrees, got: json!({ key: messages }) }
}

/// A bipartite matching of texts to messages, found by augmenting paths.
fn each_has_its_own(texts: &[String], messages: &[String]) -> bool {
    let mut taken_by: Vec<Option<usize>> = vec![None; messages.len()];
    (0..texts.len()).all(|text| find_place(text, texts, messages, &mut taken_by, &mut vec![false; messages.len()]))
}

fn find_place(
    text: usize,
    texts: &[String],
    messages: &[String],
    taken_by: &mut Vec<Option<usize>>,
    visited: &mut Vec<bool>,
) -> bool {
    for (place, message) in messages.iter().enumerate() {
        let fits = texts.get(text).is_some_and(|text| message.contains(text));
        if !fits || visited.get(place).copied().unwrap_or(true) {
            continue;
        }
        if let Some(seen) = visited.get_mut(place) {
            *seen = true;
        }
        let free = match taken_by.get(place).copied().flatten() {
            None => true,
            Some(other) => find_place(other, texts, messages, taken_by, visited),
        };
        if free {
            if let Some(taken) = taken_by.get_mut(place) {
                *taken = Some(text);
            }
            return true;
        }
    }
    false
}
