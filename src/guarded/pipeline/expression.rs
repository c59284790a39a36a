use bson::{Bson, Document};

use crate::aggregation::{is_operator, refusal_of};
use crate::guarded::error::GuardedError;

/// The system variables that are allowed. Variables that the client defines start with a lower-case letter.
const VARIABLES: [&str; 4] = ["CURRENT", "NOW", "REMOVE", "ROOT"];

const PLACE: &str = "an expression";

/// Rejects an expression that uses anything outside of the allowlists.
pub(super) fn check(expression: &Bson) -> Result<(), GuardedError> {
    match expression {
        Bson::String(value) => text(value),
        Bson::Array(elements) => elements.iter().try_for_each(check),
        Bson::Document(members) => document(members),
        Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => {
            Err(refused("code", "client-supplied code is not executed"))
        }
        _ => Ok(()),
    }
}

/// [`check`] for the expressions in the fields of a document.
pub(super) fn fields(fields: &Document) -> Result<(), GuardedError> {
    match fields.keys().find(|key| key.starts_with('$')) {
        Some(key) => Err(refused(key, "a field name belongs there")),
        None => fields.values().try_for_each(check),
    }
}

fn document(members: &Document) -> Result<(), GuardedError> {
    let mut keys = members.iter();
    match (keys.next(), keys.next()) {
        (Some((key, operand)), None) if key.starts_with('$') => {
            if !is_operator(key) {
                return Err(refused(key, refusal_of(key)));
            }
            if key == "$literal" { Ok(()) } else { check(operand) }
        }
        _ => fields(members),
    }
}

/// Checks a string in an expression: a literal, a field path or a variable.
pub(super) fn text(text: &str) -> Result<(), GuardedError> {
    let Some(variable) = text.strip_prefix("$$") else { return Ok(()) };
    let name = variable.split('.').next().unwrap_or(variable);
    if name.starts_with(|first: char| first.is_ascii_lowercase() || !first.is_ascii()) || VARIABLES.contains(&name) {
        return Ok(());
    }
    Err(refused(
        text,
        "the variables are `$$ROOT`, `$$CURRENT`, `$$REMOVE`, `$$NOW` and those that the expression defines itself",
    ))
}

fn refused(what: &str, reason: &'static str) -> GuardedError {
    GuardedError::Unsupported { what: what.to_owned(), place: Some(PLACE), reason }
}
