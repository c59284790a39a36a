use std::time::Duration;

use bson::{Bson, DateTime, Document};
use portcullis::eval::Request;
use portcullis::text::excerpt;
use portcullis::value::iso_8601;
use portcullis::{App, json};
use portcullis_functions::{Call, CallError, Entry, Returned};
use serde_json::{Map, Value, json};

use crate::functions::private;

use super::hidden::hidden;
use super::redaction::Redaction;

/// The largest arguments that are logged, in bytes of BSON.
const MAX_ARGUMENTS: usize = 4096;

/// The most characters of a name or an id that are logged.
const MAX_NAME: usize = 128;

/// The most characters of an error that are logged.
const MAX_ERROR: usize = 8192;

/// The `tracing` target of the lines on standard error.
const TARGET: &str = "portcullis::functions";

/// The data known before a call.
pub(crate) struct Begun {
    time: DateTime,
    function: String,
    user: String,
    entry: &'static str,
    request: Option<String>,
    arguments: Arguments,
    /// The passwords and tokens in the arguments and the request, which are removed wherever the function shows them.
    /// If `None`, there are too many, and neither console output nor errors are kept.
    hidden: Option<Vec<String>>,
}

enum Arguments {
    Hidden,
    TooLarge,
    Kept(Vec<Bson>),
}

impl Begun {
    pub(super) fn of(app: &App, call: &Call) -> Self {
        let is_small = fits(&call.arguments);
        let arguments = match (hides_arguments(app, call), is_small) {
            (true, _) => Arguments::Hidden,
            (false, false) => Arguments::TooLarge,
            (false, true) => Arguments::Kept(call.arguments.clone()),
        };
        Self {
            time: DateTime::now(),
            function: excerpt(&call.function, MAX_NAME),
            user: excerpt(&call.user.id, MAX_NAME),
            entry: call.entry.name(),
            request: call.request.as_ref().and_then(Request::id).map(str::to_owned),
            arguments,
            hidden: hidden(&call.arguments, call.http.as_ref()),
        }
    }
}

/// The log entry of a call, without secrets, passwords or tokens.
pub(super) struct Record {
    time: DateTime,
    function: String,
    user: String,
    entry: &'static str,
    /// The ID of the request that caused the call.
    request: Option<String>,
    milliseconds: u64,
    arguments: Option<Value>,
    /// Each line with its level.
    console: Vec<(&'static str, String)>,
    error: Option<Failed>,
}

struct Failed {
    code: &'static str,
    message: String,
    /// Details for operators only: the position in the source file, or why the function could not run.
    place: Option<String>,
}

/// The beginning of a message, redacted. It is cut without a mark at first, so that a secret which is cut off is
/// recognized at the end.
fn shortened(message: &str, clean: impl Fn(&str) -> String) -> String {
    let end = message.char_indices().nth(MAX_ERROR).map(|(at, _)| at);
    match end.and_then(|end| message.get(..end)) {
        Some(beginning) => format!("{}…", clean(beginning)),
        None => clean(message),
    }
}

impl Record {
    pub(super) fn of(
        begun: Begun,
        took: Duration,
        result: &Result<Returned, CallError>,
        redaction: &Redaction,
    ) -> Self {
        let Begun { time, function, user, entry, request, arguments, hidden } = begun;
        let clean = |text: &str| redaction.told(text, hidden.as_deref());
        let arguments = match arguments {
            Arguments::Hidden => None,
            Arguments::TooLarge => Some(json!("too large to be logged")),
            Arguments::Kept(arguments) => {
                let mut arguments = json::from_bson(&Bson::Array(arguments));
                redaction.value(&mut arguments, hidden.as_deref().unwrap_or_default());
                Some(arguments)
            }
        };
        let (console, error) = match result {
            Ok(returned) => (returned.console.as_slice(), None),
            Err(error) => (error.console(), Some(error)),
        };
        let error = error.map(|error| Failed {
            code: error.code(),
            message: shortened(&error.to_string(), clean),
            place: private(error).map(|place| redaction.text(&place, &[])),
        });
        let console = console.iter().map(|line| (line.level.name(), clean(&line.text))).collect();
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let function = redaction.text(&function, &[]);
        Self { time, function, user, entry, request, milliseconds, arguments, console, error }
    }

    pub(super) const fn time(&self) -> DateTime {
        self.time
    }

    /// Whether calls are logged to standard error at all.
    pub(super) fn is_told() -> bool {
        tracing::enabled!(target: TARGET, tracing::Level::INFO)
    }

    /// Writes the record to standard error.
    pub(super) fn tell(&self) {
        if !Self::is_told() {
            return;
        }
        let lines = self.console.iter().map(|(level, text)| match *level {
            "warn" => format!("warning: {text}"),
            "error" => format!("error: {text}"),
            _ => text.clone(),
        });
        let console = lines.collect::<Vec<_>>().join("\n");
        tracing::info!(
            target: TARGET,
            function = self.function,
            user = self.user,
            entry = self.entry,
            request = self.request,
            milliseconds = self.milliseconds,
            arguments = self.arguments.as_ref().map(ToString::to_string),
            error = self.error.as_ref().map(|error| error.message.as_str()),
            private = self.error.as_ref().and_then(|error| error.place.as_deref()),
            console,
            "{}",
            if self.error.is_none() { "a function returned" } else { "a function failed" },
        );
    }

    /// The record as a line of the call log.
    pub(super) fn to_json(&self) -> Value {
        let mut record = Map::new();
        record.insert("time".into(), json!(iso_8601(self.time).unwrap_or_default()));
        record.insert("function".into(), json!(self.function));
        record.insert("entry".into(), json!(self.entry));
        if !self.user.is_empty() {
            record.insert("user".into(), json!(self.user));
        }
        if let Some(request) = &self.request {
            record.insert("request".into(), json!(request));
        }
        record.insert("milliseconds".into(), json!(self.milliseconds));
        if let Some(arguments) = &self.arguments {
            record.insert("arguments".into(), arguments.clone());
        }
        if !self.console.is_empty() {
            let lines = self.console.iter();
            let lines: Value = lines.map(|(level, text)| json!({ "level": level, "text": text })).collect();
            record.insert("console".into(), lines);
        }
        if let Some(Failed { code, message, place }) = &self.error {
            record.insert("error".into(), json!({ "code": code, "message": message, "place": place }));
        }
        Value::Object(record)
    }
}

/// Whether the arguments of a call must not be logged.
fn hides_arguments(app: &App, call: &Call) -> bool {
    let function = app.functions.iter().find(|function| function.name == call.function);
    let hides = function.is_some_and(|function| {
        function.config.node.get("disable_arg_logs").is_some_and(|node| node.as_bool() != Some(false))
    });
    // The arguments of login functions contain passwords and tokens.
    hides || matches!(call.entry, Entry::Login)
}

/// Whether arguments are small enough to be logged. Examines no more of them than necessary.
fn fits(arguments: &[Bson]) -> bool {
    let mut left = MAX_ARGUMENTS;
    arguments.iter().all(|argument| take(argument, &mut left))
}

fn take(value: &Bson, left: &mut usize) -> bool {
    let own = match value {
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => text.len(),
        Bson::Binary(binary) => binary.bytes.len(),
        Bson::RegularExpression(regex) => regex.pattern.len(),
        Bson::JavaScriptCodeWithScope(code) => code.code.len(),
        _ => 0,
    };
    let Some(rest) = left.checked_sub(own.saturating_add(8)) else { return false };
    *left = rest;
    let fields = |document: &Document, left: &mut usize| {
        document.iter().all(|(key, value)| match left.checked_sub(key.len()) {
            Some(rest) => {
                *left = rest;
                take(value, left)
            }
            None => false,
        })
    };
    match value {
        Bson::Array(elements) => elements.iter().all(|element| take(element, left)),
        Bson::Document(document) => fields(document, left),
        Bson::JavaScriptCodeWithScope(code) => fields(&code.scope, left),
        _ => true,
    }
}
