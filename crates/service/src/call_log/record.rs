use std::time::Duration;

use bson::{Bson, DateTime, Document};
use portcullis::app::App;
use portcullis::json;
use portcullis::text::excerpt;
use portcullis_functions::{Call, CallError, ConsoleLevel, ConsoleLine, Entry, Returned};
use serde_json::{Map, Value, json};

use crate::functions::{hides_arguments, private};

use super::redaction::{Redaction, hidden};

/// The largest arguments that are logged, in bytes of BSON.
const MAX_ARGUMENTS: usize = 4096;

/// The most characters of a name or an id that are logged.
const MAX_NAME: usize = 128;

/// The most characters of an error that are logged.
const MAX_ERROR: usize = 8192;

/// What stands in the place of texts in which a password of the arguments could not be found.
const NOT_KEPT: &str = "<not kept: the arguments have too many passwords>";

/// What is known before a call.
pub(crate) struct Begun {
    time: DateTime,
    function: String,
    user: String,
    entry: &'static str,
    arguments: Arguments,
    /// What of the arguments are passwords, tokens and the like, so that they are left out where the function shows them.
    /// Without it, too much is, and neither console nor error are kept.
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
            entry: name(call.entry),
            arguments,
            hidden: hidden(&call.arguments),
        }
    }
}

/// The outcome of a call.
pub(super) struct Record {
    begun: Begun,
    took: Duration,
    console: Vec<ConsoleLine>,
    error: Option<Failed>,
}

struct Failed {
    code: &'static str,
    message: String,
    /// Details for operators only: the position in the source file, or why the function could not run.
    private: Option<String>,
}

impl Record {
    pub(super) fn of(begun: Begun, took: Duration, result: &Result<Returned, CallError>) -> Self {
        let (console, error) = match result {
            Ok(returned) => (returned.console.clone(), None),
            Err(error) => {
                let message = excerpt(&error.to_string(), MAX_ERROR);
                (error.console().to_vec(), Some(Failed { code: error.code(), message, private: private(error) }))
            }
        };
        Self { begun, took, console, error }
    }

    pub(super) const fn time(&self) -> DateTime {
        self.begun.time
    }

    /// The entry as written, without secrets.
    pub(super) fn to_json(&self, redaction: &Redaction) -> Value {
        let Begun { time, function, user, entry, arguments, hidden } = &self.begun;
        let clean = |text: &str| match hidden {
            Some(hidden) => redaction.text(text, hidden),
            None => NOT_KEPT.to_owned(),
        };
        let mut record = Map::new();
        record.insert("time".into(), json!(time.try_to_rfc3339_string().unwrap_or_default()));
        record.insert("function".into(), json!(redaction.text(function, &[])));
        record.insert("entry".into(), json!(entry));
        if !user.is_empty() {
            record.insert("user".into(), json!(user));
        }
        record.insert("milliseconds".into(), json!(u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)));
        match arguments {
            Arguments::Hidden => {}
            Arguments::TooLarge => {
                record.insert("arguments".into(), json!("larger than is kept"));
            }
            Arguments::Kept(arguments) => {
                let mut arguments = json::from_bson(&Bson::Array(arguments.clone()));
                redaction.value(&mut arguments, hidden.as_deref().unwrap_or_default());
                record.insert("arguments".into(), arguments);
            }
        }
        if !self.console.is_empty() {
            let lines = self.console.iter();
            let lines: Value =
                lines.map(|line| json!({ "level": level(line.level), "text": clean(&line.text) })).collect();
            record.insert("console".into(), lines);
        }
        if let Some(Failed { code, message, private }) = &self.error {
            let place = private.as_deref().map(|place| redaction.text(place, &[]));
            record.insert("error".into(), json!({ "code": code, "message": clean(message), "place": place }));
        }
        Value::Object(record)
    }
}

/// Whether arguments are small enough to be logged; it reads no more of them than necessary.
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

const fn name(entry: Entry) -> &'static str {
    match entry {
        Entry::Client => "client",
        Entry::Endpoint => "endpoint",
        Entry::Webhook => "webhook",
        Entry::Trigger => "trigger",
        Entry::UserCreation => "user creation",
        Entry::Login => "login",
        Entry::Rule => "rule",
        Entry::Command => "command",
        _ => "other",
    }
}

const fn level(level: ConsoleLevel) -> &'static str {
    match level {
        ConsoleLevel::Warn => "warn",
        ConsoleLevel::Error => "error",
        _ => "log",
    }
}
