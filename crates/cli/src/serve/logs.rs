use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};

/// How the lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Human-readable lines.
    Text,
    /// One JSON document per line.
    Json,
}

/// Writes the log to standard error until the guard is dropped. If the reader is too slow, lines are dropped instead
/// of delaying requests.
pub(super) fn begin(format: LogFormat, level: Level) -> WorkerGuard {
    let (writer, guard): (NonBlocking, WorkerGuard) = tracing_appender::non_blocking(std::io::stderr());
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(writer).with_target(false);
    // Another subscriber is installed only by tests, which use it instead.
    match format {
        LogFormat::Text => {
            drop(tracing::subscriber::set_global_default(builder.with_ansi(std::io::stderr().is_terminal()).finish()));
        }
        LogFormat::Json => drop(tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish())),
    }
    guard
}
