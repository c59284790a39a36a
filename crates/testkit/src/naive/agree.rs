//! Compares an expectation with a result.

use serde_json::Value as Json;

use super::value::{from_ejson, same_bytes};

/// Whether a result matches an expectation: keys that the expectation omits may have any value, and so may error
/// messages.
pub fn agrees(expect: &Json, got: &Json) -> bool {
    let (Json::Object(wanted), Json::Object(answer)) = (expect, got) else {
        return expect == got;
    };
    if wanted.contains_key("invalid") || answer.contains_key("invalid") {
        return wanted.contains_key("invalid") && answer.contains_key("invalid");
    }
    if let (Some(wanted), Some(answer)) = (wanted.get("value"), answer.get("value")) {
        return matches!((from_ejson(wanted), from_ejson(answer)), (Ok(wanted), Ok(answer)) if same_bytes(Some(&wanted), Some(&answer)));
    }
    let decided = ["role", "denied", "allowed", "document", "valid", "error"];
    if !decided.iter().any(|key| wanted.contains_key(*key)) {
        // The result of expanding a template.
        return expect == got;
    }
    let unnamed_kind =
        ["document", "allowed", "valid"].iter().any(|kind| wanted.contains_key(*kind) != answer.contains_key(*kind));
    if unnamed_kind || wanted.contains_key("denied") != answer.contains_key("denied") {
        return false;
    }
    wanted.iter().all(|(key, value)| match (key.as_str(), answer.get(key)) {
        ("error", found) => found.is_some(),
        // An expected empty list means that the key is absent.
        ("fields" | "schema", None) => value.as_array().is_some_and(Vec::is_empty),
        ("document", Some(found)) => {
            matches!((from_ejson(value), from_ejson(found)), (Ok(wanted), Ok(found)) if same_bytes(Some(&wanted), Some(&found)))
        }
        ("fields", Some(found)) => sorted(value) == sorted(found),
        ("schema", Some(found)) => {
            // Of schema errors, only the message for a missing required top-level field is specified.
            let settled = |list: &Json| {
                let mut texts = sorted(list);
                texts.retain(|text| text.starts_with("\"(root): ") && text.ends_with(" is required\""));
                texts
            };
            settled(value) == settled(found)
        }
        (_, found) => found == Some(value),
    })
}

fn sorted(list: &Json) -> Vec<String> {
    let mut texts: Vec<String> = list.as_array().into_iter().flatten().map(Json::to_string).collect();
    texts.sort();
    texts
}
