//! Converts a thrown value into the message that clients see, and its position.

use rquickjs::{Ctx, Value};

use super::beginning::beginning;
use super::bridge::Bridge;
use super::compile::PREFIX;
use super::encode::{Encoder, Undefined};
use crate::{CallError, ConsoleLine, Failure, Library, Position};

/// What the engine says of a call of something that is not a function.
const NOT_A_FUNCTION: &str = "not a function";

/// The most bytes of a message.
const MAX_MESSAGE: usize = 8 * 1024;

/// The most bytes of a stack trace that are examined.
const MAX_STACK: usize = 16 * 1024;

/// The error of a call that threw this value.
pub(super) fn thrown<'js>(
    bridge: &Bridge<'js>,
    value: &Value<'js>,
    library: &Library,
    console: Vec<ConsoleLine>,
) -> CallError {
    let (message, position) = describe(bridge, value, library);
    CallError::Failed(Box::new(Failure { message, position, console }))
}

/// The message of a thrown value, and its position.
pub(super) fn describe<'js>(bridge: &Bridge<'js>, value: &Value<'js>, library: &Library) -> (String, Option<Position>) {
    let position = position(bridge, value);
    let message = match message(bridge, value, library) {
        Ok(message) => message,
        Err(_) => {
            // The value itself throws when it is inspected.
            let _ = bridge.ctx.catch();
            "Error: the error cannot be shown".to_owned()
        }
    };
    (beginning(&message, MAX_MESSAGE).to_owned(), position)
}

fn message<'js>(bridge: &Bridge<'js>, value: &Value<'js>, library: &Library) -> rquickjs::Result<String> {
    let is_error: bool = bridge.function("isError")?.call((value.clone(),))?;
    if let Some(object) = value.as_object().filter(|_| is_error) {
        let text = |key: &str| -> rquickjs::Result<String> {
            let value: Value<'js> = object.get(key)?;
            if value.is_string() { bridge.text(&value) } else { Ok(String::new()) }
        };
        let (name, message) = (text("name")?, text("message")?);
        let message = match (name.as_str(), message.as_str()) {
            ("TypeError", NOT_A_FUNCTION) => match called(bridge, value, library) {
                Some(name) => format!("'{name}' is {NOT_A_FUNCTION}"),
                None => message,
            },
            _ => as_documented(&name, message),
        };
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
    beginning(&stack(bridge, value)?, MAX_STACK).lines().find_map(place)
}

fn stack<'js>(bridge: &Bridge<'js>, value: &Value<'js>) -> Option<String> {
    let object = value.as_object()?;
    let stack: Option<Value<'js>> = object.get("stack").ok();
    let Some(stack) = stack else {
        let _ = bridge.ctx.catch();
        return None;
    };
    stack.as_string()?.to_string().ok()
}

/// The position of the name that ends before this position, not counting spaces.
fn name_before(characters: &[char], end: usize) -> Option<usize> {
    let before = characters.get(..end)?;
    let last = before.iter().rposition(|c| !c.is_whitespace())?;
    let start = before.get(..=last)?.iter().rposition(|c| !is_of_name(*c)).map_or(0, |at| at.saturating_add(1));
    (start <= last).then_some(start)
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

/// The name of what a function of the application called although it is not a function, if the source shows it. The
/// engine's message does not contain it.
fn called<'js>(bridge: &Bridge<'js>, value: &Value<'js>, library: &Library) -> Option<String> {
    let stack = stack(bridge, value)?;
    // If the innermost frame is one of the engine, then its built-in function called something, such as a callback.
    let Position { file, line, column } = beginning(&stack, MAX_STACK).lines().next().and_then(place)?;
    let row = usize::try_from(line).ok()?.checked_sub(1)?;
    let text = library.source_of(&file)?.lines().nth(row)?;
    let characters: Vec<char> = text.chars().collect();
    let is_name = |at: usize| characters.get(at).is_some_and(|c| is_of_name(*c));
    // The position is that of the name or of the parenthesis; in the first line, that of the character before.
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let at = if row == 0 { column.checked_add(1)? } else { column };
    let start = match characters.get(at)? {
        '(' => name_before(&characters, at)?,
        _ => at,
    };
    let end = (start..).find(|at| !is_name(*at)).filter(|end| *end > start)?;
    let rest: String = characters.get(end..)?.iter().collect();
    let before: String = characters.get(..start)?.iter().collect();
    let is_call = rest.trim_start().starts_with('(') && !before.ends_with(is_of_name);
    if !is_call || before.trim_end().ends_with("new") {
        return None;
    }
    Some(characters.get(start..end)?.iter().collect())
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
