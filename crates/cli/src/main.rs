//! The `portcullis` command: checks, tests and explains rules, evaluates them, and works on guarded collections.

mod accounts;
mod aggregate;
mod application;
mod asker;
mod census;
mod check;
mod context;
mod count;
mod decide;
mod distinct;
mod documents;
mod eval;
mod expand;
mod explain;
mod faults;
mod find;
mod first_test;
mod fmt;
mod freshness;
mod function_args;
mod given;
mod guard;
mod input;
mod keys;
mod live;
mod login;
mod logs;
mod missing;
mod namespace;
mod numbers;
mod output;
mod pipeline;
mod progress;
mod query;
mod reads;
mod replace;
mod run;
mod secrets;
mod serve;
mod signals;
mod stores;
mod terminal;
mod test;
mod token;
mod transfer;
mod triggers;
mod trouble;
mod user;
mod users;
mod watch;
mod write;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use output::Output;
use trouble::Trouble;

/// Requests allocate many small objects, and large futures. The system's allocator takes several times as long for
/// both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AFTER: &str = "\
Exit codes:
  0  success: true, allowed, all passed, no errors
  1  negative: false, unknown, denied, nothing readable, token rejected, failed test, error found by `check`
  2  failure: invalid usage, unreadable file, required rules that do not load
  141  no result: the reader closed the output early, as `head` does

Wherever a value is expected, pass JSON, a file path, or `-` for standard input. The collection is the first argument or \
--in; the application is --app (default: the current directory).";

/// The exit code with which shells show that a command was terminated by SIGPIPE.
const PIPE_CLOSED: u8 = 141;

/// A subcommand.
struct Command {
    name: &'static str,
    describe: fn(clap::Command) -> clap::Command,
    run: Box<Run>,
}

type Run = dyn Fn(&ArgMatches, &mut Output) -> Result<Answer, Trouble>;

impl Command {
    fn new<A: clap::Args + 'static>(name: &'static str, run: fn(&A, &mut Output) -> Result<Answer, Trouble>) -> Self {
        let run = move |matches: &ArgMatches, output: &mut Output| {
            let args = A::from_arg_matches(matches).map_err(|error| Trouble::usage(error.to_string()))?;
            run(&args, output)
        };
        Self { name, describe: A::augment_args, run: Box::new(run) }
    }

    /// All subcommands, in the order of the help.
    fn all() -> Vec<Self> {
        vec![
            Self::new("eval", eval::run),
            Self::new("decide", decide::run),
            Self::new("find", find::run),
            Self::new("aggregate", aggregate::run),
            Self::new("count", count::run),
            Self::new("distinct", distinct::run),
            Self::new("watch", watch::run),
            Self::new("insert", write::insert::run_insert),
            Self::new("update", write::update::run_update),
            Self::new("delete", write::delete::run_delete),
            Self::new("write", write::writes::run_writes),
            Self::new("import", transfer::import::run),
            Self::new("export", transfer::export::run),
            Self::new("query", query::run),
            Self::new("check", check::run),
            Self::new("test", test::run),
            Self::new("expand", expand::run),
            Self::new("fmt", fmt::run),
            Self::new("login", login::run),
            Self::new("token", token::run),
            Self::new("user", user::run),
            Self::new("users", users::run),
            Self::new("run", run::run),
            Self::new("keys", keys::run),
            Self::new("triggers", triggers::run),
            Self::new("logs", logs::run),
            Self::new("serve", serve::run),
        ]
    }
}

/// Describes the command line for clap.
fn describe(commands: &[Command]) -> clap::Command {
    let json = Arg::new("json").long("json").global(true).action(ArgAction::SetTrue);
    clap::Command::new("portcullis")
        .about("Evaluate, check, test and explain MongoDB Atlas App Services rules")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(AFTER)
        .max_term_width(100)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(json.help("Print one JSON document instead of text"))
        .subcommands(commands.iter().map(|command| (command.describe)(clap::Command::new(command.name))))
}

/// Keeps only the subcommand that is named: describing all of them takes longer than many of them run.
fn narrow(commands: &mut Vec<Command>, arguments: &[OsString]) {
    let asked = arguments.iter().skip(1).find(|argument| *argument != "--json");
    if let Some(place) = commands.iter().position(|command| asked.is_some_and(|asked| asked == command.name)) {
        *commands = vec![commands.swap_remove(place)];
    }
}

/// Adds the settings of the configuration file to the arguments of the command that has one.
fn with_settings(commands: &[Command], arguments: Vec<OsString>) -> Result<Vec<OsString>, Trouble> {
    let [command] = commands else { return Ok(arguments) };
    if command.name != "serve" {
        return Ok(arguments);
    }
    let described = (command.describe)(clap::Command::new(command.name));
    let known: Vec<String> =
        described.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect();
    serve::with_settings(arguments, &known)
}

/// The application directory given on the command line, if any.
fn directory(matches: &ArgMatches) -> Option<&Path> {
    let (name, source) = ("app", ValueSource::CommandLine);
    // For a nested subcommand such as `users list`, the options are in the innermost matches.
    if let Some((_, inner)) = matches.subcommand() {
        return directory(inner);
    }
    let mut given = matches.try_get_raw(name).ok()??;
    let only = given.next().filter(|_| given.next().is_none())?;
    (matches.value_source(name) == Some(source)).then(|| Path::new(only))
}

/// The outcome of a command, which determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

impl Answer {
    const fn from_bool(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut commands = Command::all();
    narrow(&mut commands, &arguments);
    let arguments = match with_settings(&commands, arguments) {
        Ok(arguments) => arguments,
        Err(trouble) => {
            Output::new(false).trouble(&trouble);
            return ExitCode::from(2);
        }
    };
    let matches = match describe(&commands).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are not errors.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            if code != 0 && arguments.iter().any(|argument| argument == "--json") {
                let _ = Output::new(true)
                    .document(&serde_json::json!({ "error": error.kind().to_string(), "findings": [] }));
            }
            return ExitCode::from(code);
        }
    };
    let mut output = Output::new(matches.get_flag("json"));
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        commands.iter().find(|command| command.name == name).map(|command| (command, matches))
    });
    let result = match chosen {
        Some((command, matches)) => faults::caught(matches, || (command.run)(matches, &mut output)),
        None => Err(Trouble::usage("no command given; see `portcullis --help`")),
    };
    match result.and_then(|answer| output.flush().map(|()| answer)) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(PIPE_CLOSED),
        Err(trouble) => {
            let trouble = match chosen.and_then(|(_, matches)| directory(matches)) {
                Some(directory) => trouble.in_directory(directory),
                None => trouble,
            };
            output.trouble(&trouble);
            ExitCode::from(if trouble.is_refusal() { 1 } else { 2 })
        }
    }
}
