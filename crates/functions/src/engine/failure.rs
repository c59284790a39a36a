//! Converts a thrown value into the message that clients see, and its position.

use rquickjs::{Ctx, Value};

use super::beginning::beginning;
use super::bridge::Bridge;
use super::compile::PREFIX;
use super::encode::{Encoder, Undefined};
use crate::{CallError, ConsoleLine, Failure, Position};

/// The most bytes of a message.
const MAX_MESSAGE: usize = 8 * 1024;

/// The most bytes of a stack trace that are examined.
const MAX_STACK: usize = 16 * 1024;

/// The error of a call that threw this value.
pub(super) fn thrown<'js>(bridge: &Bridge<'js>, value: &Value<'js>, console: Vec<ConsoleLine>) -> CallError {
    let (message, position) = describe(bridge, value);
    CallError::Failed(Box::new(Failure { message, position, console }))
}

/// The message of a thrown value, and its position.
pub(super) fn describe<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> (String, Option<Position>) {
    let position = position(bridge, value);
    let message = match message(bridge, value) {
        Ok(message) => message,
        Err(_) => {
            // The value itself throws when it is inspected.
            let _ = bridge.ctx.catch();
            "Error: the error cannot be shown".to_owned()
        }
    };
    (beginning(&message, MAX_MESSAGE).to_owned(), position)
}

fn message<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> rquickjs::Result<String> {
    let is_error: bool = bridge.function("isError")?.call((value.clone(),))?;
    if let Some(object) = value.as_object().filter(|_| is_error) {
        let text = |key: &str| -> rquickjs::Result<String> {
            let value: Value<'js> = object.get(key)?;
            if value.is_string() { bridge.text(&value) } else { Ok(String::new()) }
        };
        let (name, message) = (text("name")?, text("message")?);
        let message = as_documented(&name, message);
        return Ok(match (name.is_empty(), message.is_empty()) {
            (true, _) => message,
            (false, true) => name,
            (false, false) => format!("{name}: {message}"),
        });
    }
    if value.is_string() {
        return bridge.text(value);
    }
    if value.is_undefined() {
        return Ok("undefined".to_owned());
    }
    if value.is_null() {
        // The engine throws `null` if no memory is left for an error.
        return Ok("null was thrown, by the function or because it ran out of memory".to_owned());
    }
    let thrown = Encoder::new(bridge, Undefined::Keep, 1024 * 1024)?.value(value, "", 0)?;
    Ok(thrown.into_relaxed_extjson().to_string())
}

/// Translates the engine's messages into those of App Services, which clients may know.
///
/// Source: `ReferenceError: 'unknown' is not defined` and `TypeError: Cannot access member 'db' of undefined` were
/// observed.
fn as_documented(name: &str, message: String) -> String {
    let quoted = |word: &str| !word.is_empty() && !word.contains(['\'', ' ']);
    match name {
        "ReferenceError" => match message.strip_suffix(" is not defined") {
            Some(word) if quoted(word) => format!("'{word}' is not defined"),
            _ => message,
        },
        "TypeError" if message == "cannot convert BigInt to number" => {
            format!("{message}: to calculate with a Long beyond 2^53, use its methods, such as `add`")
        }
        "TypeError" => ["cannot read property '", "cannot set property '"]
            .into_iter()
            .find_map(|start| message.strip_prefix(start))
            .filter(|rest| rest.ends_with("' of undefined") || rest.ends_with("' of null"))
            .map_or_else(|| message.clone(), |rest| format!("Cannot access member '{rest}")),
        _ => message,
    }
}

/// The innermost stack frame in a file of the application.
fn position<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> Option<Position> {
    let object = value.as_object()?;
    let stack: Option<Value<'js>> = object.get("stack").ok();
    let Some(stack) = stack else {
        let _ = bridge.ctx.catch();
        return None;
    };
    let stack = stack.as_string()?.to_string().ok()?;
    beginning(&stack, MAX_STACK).lines().find_map(place)
}

/// Parses a line of a stack trace: `    at name (functions/x.js:3:7)` or `    at functions/x.js:3:7`.
fn place(line: &str) -> Option<Position> {
    let line = line.trim().strip_prefix("at ")?.trim_end_matches(')');
    let place = line.rsplit_once(" (").map_or(line, |(_, place)| place);
    let mut parts = place.rsplitn(3, ':');
    let (column, row) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let file = parts.next().filter(|file| file.starts_with("functions/"))?;
    let shift = u32::try_from(PREFIX.len()).unwrap_or(0);
    let column = if row == 1 { column.saturating_sub(shift).max(1) } else { column };
    Some(Position { file: file.to_owned(), line: row, column })
}

/// Takes the exception that is pending in the engine.
pub(super) fn caught<'js>(ctx: &Ctx<'js>, error: &rquickjs::Error) -> Option<Value<'js>> {
    error.is_exception().then(|| ctx.catch())
}
