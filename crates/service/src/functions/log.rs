//! What the log says of the calls of functions. Arguments stand in it unless the function forbids it, and
//! nothing of the request's token. What the function itself logs or throws is its author's choice, secrets included.

use std::time::Duration;

use bson::Bson;
use portcullis::app::App;
use portcullis::json;
use portcullis::text::excerpt;
use portcullis_functions::{Call, CallError, ConsoleLevel, ConsoleLine, Entry, Returned};

use super::told::private;

/// How much of the arguments is logged, in characters.
const SHOWN: usize = 2048;

/// One call.
pub(super) struct Log {
    function: String,
    user: String,
    entry: Entry,
    arguments: Option<String>,
}

impl Log {
    /// What is known before the call.
    pub(super) fn of(app: &App, call: &Call) -> Self {
        let is_secret = hides_arguments(app, call);
        let is_logged = tracing::enabled!(target: TARGET, tracing::Level::INFO);
        let arguments = (is_logged && !is_secret).then(|| {
            let arguments = json::from_bson(&Bson::Array(call.arguments.clone())).to_string();
            excerpt(&arguments, SHOWN)
        });
        Self { function: excerpt(&call.function, 128), user: call.user.id.clone(), entry: call.entry, arguments }
    }

    /// Writes what became of it.
    pub(super) fn write(&self, took: Duration, result: &Result<Returned, CallError>) {
        let (console, error) = match result {
            Ok(returned) => (returned.console.as_slice(), None),
            Err(error) => (error.console(), Some(error)),
        };
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let console = console.iter().map(line).collect::<Vec<_>>().join("\n");
        tracing::info!(
            target: TARGET,
            function = self.function,
            user = self.user,
            entry = ?self.entry,
            milliseconds,
            arguments = self.arguments,
            error = error.map(ToString::to_string),
            private = error.and_then(private),
            console,
            "{}",
            if error.is_none() { "a function returned" } else { "a function failed" },
        );
    }
}

/// Whether the arguments of a call are not for logs.
pub(crate) fn hides_arguments(app: &App, call: &Call) -> bool {
    let function = app.functions.iter().find(|function| function.name == call.function);
    let hides = function.is_some_and(|function| {
        function.config.node.get("disable_arg_logs").is_some_and(|node| node.as_bool() != Some(false))
    });
    // Passwords and tokens stand in what logins get.
    hides || matches!(call.entry, Entry::Login)
}

const TARGET: &str = "portcullis::functions";

fn line(line: &ConsoleLine) -> String {
    let level = match line.level {
        ConsoleLevel::Warn => "warning: ",
        ConsoleLevel::Error => "error: ",
        _ => "",
    };
    format!("{level}{}", line.text)
}
