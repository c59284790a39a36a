//! The allowlists of query and write options.

use super::error::GuardedError;
use crate::json::{Member, Node};

/// MongoDB options that are rejected, and the reason to report.
const REFUSED_OPTIONS: [(&str, &str); 17] = [
    ("hint", "the database chooses the index itself"),
    ("returnKey", "index keys may contain hidden fields"),
    ("showRecordId", "a record ID is not a field of the document"),
    ("let", "write the values into the filter"),
    ("collation", "the rules compare byte by byte, and so does every query"),
    ("min", "write a condition into the filter"),
    ("max", "write a condition into the filter"),
    ("explain", "a plan reveals documents that may not be read"),
    ("readConcern", "every read uses read concern `majority`"),
    ("readPreference", "every read goes to the primary"),
    ("allowDiskUse", "the database decides this itself"),
    ("allowPartialResults", "a partial result would look like a complete one"),
    ("tailable", "only finite results are read"),
    ("awaitData", "only finite results are read"),
    ("noCursorTimeout", "the time of every request is limited"),
    ("maxTimeMS", "the time of every request is already limited"),
    ("singleBatch", "write a limit"),
];

/// Rejects the options of a write unless all of them are in `known`.
pub(super) fn checked_by(node: &Node, known: &[&str]) -> Result<(), GuardedError> {
    let others = "it is not among the options of this write";
    among(node, known, others).map(|_| ())
}

/// The options of a query, all of which must be in `known`.
pub(super) fn checked<'n>(node: &'n Node, known: &[&str]) -> Result<&'n [Member], GuardedError> {
    among(node, known, "the options are `filter`, `projection`, `sort`, `skip` and `limit`")
}

fn among<'n>(node: &'n Node, known: &[&str], others: &'static str) -> Result<&'n [Member], GuardedError> {
    let members = node.as_object().ok_or(GuardedError::Malformed("the options of a request are an object"))?;
    for member in members {
        if !known.contains(&member.key.as_str()) {
            let reason = REFUSED_OPTIONS.iter().find(|(name, _)| *name == member.key).map(|(_, reason)| *reason);
            let reason = reason.unwrap_or(others);
            return Err(GuardedError::Unsupported { what: member.key.clone(), place: Some("the options"), reason });
        }
    }
    Ok(members)
}
