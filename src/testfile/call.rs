use bson::{Bson, Document};
use serde_json::{Map, Value, json};

use super::case::Case;
use super::compare::Answer;
use super::file::TestFile;
use super::setting::{Called, Caller, FunctionCall, OpenFunctions};
use crate::json::{self, Node};
use crate::user::User;

/// Calls a function and compares the outcome with the expectation.
pub(super) fn answer(
    expect: &Node,
    file: &TestFile,
    case: &Case,
    open: &dyn OpenFunctions,
    (function, arguments, caller): (&str, &[Bson], Option<Caller>),
) -> Answer {
    let default = if case.user.is_some() { Caller::Client } else { Caller::Operator };
    let call = FunctionCall {
        name: function.to_owned(),
        arguments: arguments.to_vec(),
        user: case.user.clone().unwrap_or_else(User::system),
        caller: caller.unwrap_or(default),
        request: file.given.replaced_by(&case.given).request,
    };
    let called = open.call(call);
    let mut got = Map::new();
    let mut agrees = match &called.result {
        Ok(value) => {
            got.insert("returns".into(), json::from_bson(value));
            expect.get("returns").is_some_and(|expected| same_value(expected, value))
        }
        Err(message) => {
            got.insert("fails".into(), json!(message));
            expect.get("fails").and_then(Node::as_str).is_some_and(|text| message.contains(text))
        }
    };
    let Called { console, requests, .. } = called;
    for (key, lines) in [("console", console), ("requests", requests)] {
        if let Some(expected) = expect.get(key) {
            let expected: Vec<&str> = expected.as_array().unwrap_or_default().iter().filter_map(Node::as_str).collect();
            agrees &= expected == lines;
        }
        if !lines.is_empty() || expect.get(key).is_some() {
            got.insert(key.into(), json!(lines));
        }
    }
    agrees &= documents(expect, open, &mut got);
    Answer { agrees, got: Value::Object(got) }
}

/// Whether the collections in the expectation have the expected content after the call.
fn documents(expect: &Node, open: &dyn OpenFunctions, got: &mut Map<String, Value>) -> bool {
    let Some(expected) = expect.get("documents").and_then(Node::as_object) else { return true };
    let mut found = Map::new();
    let mut agrees = true;
    for member in expected {
        let (same, shown) = match open.documents(&member.key) {
            Ok(documents) => {
                let documents = Bson::Array(documents.into_iter().map(Bson::Document).collect());
                (same_value(&member.value, &documents), json::from_bson(&documents))
            }
            Err(reason) => (false, json!(reason)),
        };
        agrees &= same;
        found.insert(member.key.clone(), shown);
    }
    got.insert("documents".into(), Value::Object(found));
    agrees
}

/// Whether a value is as expected. Integer types are not told apart, because JavaScript has only one type of number.
fn same_value(expected: &Node, got: &Bson) -> bool {
    json::to_bson(expected).is_ok_and(|expected| widened(&expected) == widened(got))
}

fn widened(value: &Bson) -> Bson {
    match value {
        Bson::Int32(number) => Bson::Int64(i64::from(*number)),
        Bson::Array(elements) => Bson::Array(elements.iter().map(widened).collect()),
        Bson::Document(document) => {
            let fields: Document = document.iter().map(|(key, value)| (key.clone(), widened(value))).collect();
            Bson::Document(fields)
        }
        other => other.clone(),
    }
}
