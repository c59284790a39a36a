use std::path::PathBuf;
use std::time::Duration;

use bson::DateTime;
use portcullis::text::OneLine;
use portcullis::{App, Clock, SystemClock};
use portcullis_service::Places;
use portcullis_service::call_log::LogReader;
use serde_json::Value;

use super::Answer;
use super::output::Output;
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  portcullis logs --app DIR
  portcullis logs --app DIR --errors --since 1h
  portcullis logs --app DIR --function onOrder --follow
  portcullis logs --app DIR --request 65a0000000000000000000f7
  portcullis logs --user 65a0000000000000000000b2 --json | jq '.calls[].function'

`serve` logs function calls in `logs` in its --state directory and keeps them for ten days (see its option --keep-logs). The log can be \
read while the server runs; each server has a log of its own. Secrets, passwords and tokens are left out, and so are arguments that are \
larger than 4 KiB or whose function has `disable_arg_logs` set.";

/// Print the log of function calls by clients, endpoints, triggers and rules
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The application directory (default: the current directory, if it is one; otherwise all applications)
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// Application ID, overriding the one in its configuration
    #[arg(long, value_name = "ID", conflicts_with = "app")]
    application: Option<String>,
    /// The --state directory of `serve`
    #[arg(long, value_name = "DIR", env = "PORTCULLIS_STATE", default_value = ".portcullis")]
    state: PathBuf,
    /// Print only calls of this function
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Print only calls by this user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Print only calls caused by the request with this ID: the last part of the `link` of an error, or `X-Request-Id`
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Print only calls that failed
    #[arg(long)]
    errors: bool,
    /// Print only calls since a time, such as 2026-01-31T12:00:00Z, or since `30m`, `1h` or `2d` ago
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime>,
    /// Keep printing calls as they end, until interrupted; with --json, one document per line
    #[arg(long, short)]
    follow: bool,
}

/// How often to look for new calls.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Answer, Trouble> {
    if !args.state.is_dir() {
        let state = args.state.display().to_string();
        let message =
            format!("there is no directory `{}`: pass the state directory of `serve` with --state", OneLine(state));
        return Err(Trouble::usage(message));
    }
    let application = args.application()?;
    let mut reader = LogReader::new(args.state.join("logs"), application.as_deref(), args.since);
    let (mut found, mut count) = (0_u64, 0_u64);
    if !args.follow {
        output.begin_list("calls")?;
    }
    loop {
        reader.read(|application, mut call| {
            found += 1;
            if !args.wants(&call) {
                return Ok(());
            }
            count += 1;
            if output.is_json() {
                if let Some(fields) = call.as_object_mut() {
                    fields.insert("application".to_owned(), application.into());
                }
                return output.element(&call.to_string());
            }
            output.text(to_text(application, &call))
        })?;
        output.flush()?;
        if !args.follow {
            break;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    output.end_list()?;
    if count == 0 && !output.is_json() {
        output.line(match found {
            0 if args.since.is_none() => {
                "the log has no calls: `serve` logs them in its --state directory, unless --keep-logs is 0"
            }
            _ => "no matching calls",
        })?;
    }
    Ok(Answer::Yes)
}

impl Args {
    fn application(&self) -> Result<Option<String>, Trouble> {
        if let Some(id) = &self.application {
            return Ok(Some(id.clone()));
        }
        let id_of = |app: &App| Ok(Places::in_directory(&self.state).id_of(app)?.to_owned());
        match &self.app {
            Some(directory) => Ok(Some(id_of(&App::load(directory)?)?)),
            None => App::load(".").ok().map(|app| id_of(&app)).transpose(),
        }
    }

    fn wants(&self, call: &Value) -> bool {
        let is = |key: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| call.get(key).and_then(Value::as_str) == Some(wanted))
        };
        let time = || call.get("time").and_then(Value::as_str).and_then(|time| DateTime::parse_rfc3339_str(time).ok());
        is("function", &self.function)
            && is("user", &self.user)
            && is("request", &self.request)
            && (!self.errors || call.get("error").is_some())
            && self.since.is_none_or(|since| time().is_some_and(|time| time >= since))
    }
}

/// Formats a call as one line, followed by its console output.
fn to_text(application: &str, call: &Value) -> String {
    let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut shown = format!("{}  {}", text("time"), OneLine(application));
    if let Some(count) = call.get("left_out").and_then(Value::as_u64) {
        return format!("{shown}  {count} calls are missing: they came faster than they could be logged\n");
    }
    let milliseconds = call.get("milliseconds").and_then(Value::as_u64).unwrap_or_default();
    let word = if call.get("error").is_some() { "failed" } else { "ok" };
    shown.push_str(&format!("  {}  {}  {word}  {milliseconds} ms", OneLine(text("function")), text("entry")));
    if !text("user").is_empty() {
        shown.push_str(&format!("  user {}", OneLine(text("user"))));
    }
    if !text("request").is_empty() {
        shown.push_str(&format!("  request {}", OneLine(text("request"))));
    }
    if let Some(arguments) = call.get("arguments") {
        shown.push_str(&format!("  {}", OneLine(arguments.to_string())));
    }
    shown.push('\n');
    for line in call.get("console").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
        let level = if part("level") == "log" { String::new() } else { format!("{}: ", part("level")) };
        shown.push_str(&format!("    {level}{}\n", OneLine(part("text"))));
    }
    if let Some(error) = call.get("error") {
        let part = |key: &str| error.get(key).and_then(Value::as_str);
        let place = part("place").map(|place| format!(" ({})", OneLine(place))).unwrap_or_default();
        shown.push_str(&format!("    {}{place}\n", OneLine(part("message").unwrap_or_default())));
    }
    shown
}

/// Parses a time, or a duration before now.
fn since(text: &str) -> Result<DateTime, String> {
    let ago = || {
        let at = text.len().checked_sub(1)?;
        let (number, unit) = text.split_at_checked(at)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return None,
        };
        let milliseconds = number.parse::<u32>().ok().map(i64::from)?.checked_mul(seconds)?.checked_mul(1000)?;
        Some(DateTime::from_millis(SystemClock.now().timestamp_millis().saturating_sub(milliseconds)))
    };
    if let Some(time) = ago() {
        return Ok(time);
    }
    super::context::read_now(text).map_err(|_| "not a time; write 30m, 1h, 2d or 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now = SystemClock.now().timestamp_millis();
        let hour = since("1h").unwrap().timestamp_millis();
        assert!((now - 3_600_000..now - 3_500_000).contains(&hour), "{hour}");
        assert_eq!(since("2026-01-31T12:00:00Z").unwrap().timestamp_millis(), 1_769_860_800_000);
        for wrong in ["", "h", "1", "-1h", "1w", "é", "4294967296d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
