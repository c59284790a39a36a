//! Converts the operations of a `bulkWrite` into the form that guarded collections accept.

use portcullis::json::{Kind, Member, Node};

use super::guarded::{is_operators, missing, with_filter};
use super::nodes::{array, chosen, member, object, renamed};
use crate::client::{ClientError, ErrorCode};

/// The error for a `bulkWrite` without operations.
pub(super) const EMPTY: &str = "must provide at least one operation";

/// The writes for a request's `operations`, in order.
pub(super) fn writes(options: &Node) -> Result<Node, ClientError> {
    let operations = options.get("operations").and_then(Node::as_array).ok_or_else(|| missing("operations"))?;
    operations.iter().map(write).collect::<Result<_, _>>().map(array)
}

/// Converts one operation.
fn write(operation: &Node) -> Result<Node, ClientError> {
    let wrong = |message: &str| ClientError::bad(ErrorCode::InvalidParameter, message);
    let Some([Member { key, value, .. }]) = operation.as_object() else {
        return Err(wrong("an operation of a bulk write is an object with one member, such as `updateOne`"));
    };
    let named = |name: &str, options: Node| object(vec![member(name, options)]);
    Ok(match key.as_str() {
        "insertOne" => named(key, object(vec![member("document", inserted(value).clone())])),
        "deleteOne" | "deleteMany" => named(key, needing_filter(value)?),
        "replaceOne" => named(key, replacement(value, "replacement")?),
        "updateOne" if !is_operators(value.get("update"))? => named("replaceOne", replacement(value, "update")?),
        "updateMany" if !is_operators(value.get("update"))? => {
            return Err(wrong("`updateMany` of a bulk write takes update operators or a pipeline"));
        }
        "updateOne" | "updateMany" => {
            needing_filter(value)?;
            named(key, chosen(value, &["filter", "update", "upsert", "arrayFilters"]))
        }
        _ => {
            let known = "`insertOne`, `updateOne`, `updateMany`, `replaceOne`, `deleteOne` and `deleteMany`";
            return Err(wrong(&format!("the operations of a bulk write are {known}")));
        }
    })
}

/// The document to insert. The documentation of App Services shows it both bare and as `{"document": …}`.
fn inserted(value: &Node) -> &Node {
    match value.as_object() {
        Some([Member { key, value, .. }]) if key == "document" && matches!(value.kind, Kind::Object(_)) => value,
        _ => value,
    }
}

fn replacement(value: &Node, name: &str) -> Result<Node, ClientError> {
    needing_filter(value)?;
    Ok(renamed(value, &[("filter", "filter"), (name, "replacement"), ("upsert", "upsert")]))
}

/// Among several writes, a missing filter is most likely a mistake, and would change an arbitrary document.
fn needing_filter(value: &Node) -> Result<Node, ClientError> {
    if value.get("filter").and_then(Node::as_object).is_none() {
        return Err(missing("filter"));
    }
    Ok(with_filter(chosen(value, &["filter"])))
}
