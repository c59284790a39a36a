//! The command line: a thin face of the library.

mod accounts;
mod application;
mod check;
mod context;
mod decide;
mod documents;
mod eval;
mod expand;
mod explain;
mod find;
mod fmt;
mod freshness;
mod guard;
mod import;
mod input;
mod live;
mod login;
mod output;
mod pipeline;
mod progress;
mod query;
mod replace;
mod secrets;
mod server;
mod stores;
mod test;
mod token;
mod transfer;
mod trouble;
mod user;
mod users;
mod write;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use output::Output;
use trouble::Trouble;

const AFTER: &str = "\
Exit codes:
  0  yes: true, allowed, all passed, no errors
  1  no: false, unknown, denied, nothing that could be read, a token refused, a failed case, an error found by `check`
  2  trouble: usage, a file that cannot be read, rules that do not load where they are needed

Wherever a value is expected, give JSON, the path of a file, or `-` for standard input.";

/// Decides, checks, tests and explains the rules of MongoDB Atlas App Services
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = AFTER, max_term_width = 100)]
struct Cli {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Eval(eval::Args),
    Decide(decide::Args),
    Find(find::Args),
    Insert(write::insert::Args),
    Update(write::update::Args),
    Delete(write::delete::Args),
    Write(write::writes::Args),
    Import(transfer::import::Args),
    Export(transfer::export::Args),
    Query(query::Args),
    Check(check::Args),
    Test(test::Args),
    Expand(expand::Args),
    Fmt(fmt::Args),
    Login(login::Args),
    Token(token::Args),
    User(user::Args),
    Users(users::Args),
}

/// The answer of a command.
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

/// Runs the command that the process was called with.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no trouble.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            if code != 0 && std::env::args_os().any(|argument| argument == "--json") {
                let _ = Output::new(true)
                    .document(&serde_json::json!({ "error": error.kind().to_string(), "findings": [] }));
            }
            return ExitCode::from(code);
        }
    };
    let mut output = Output::new(cli.json);
    let result = match cli.command {
        Command::Eval(args) => eval::run(&args, &mut output),
        Command::Decide(args) => decide::run(&args, &mut output),
        Command::Find(args) => find::run(&args, &mut output),
        Command::Insert(args) => write::insert::run_insert(&args, &mut output),
        Command::Update(args) => write::update::run_update(&args, &mut output),
        Command::Delete(args) => write::delete::run_delete(&args, &mut output),
        Command::Import(args) => transfer::import::run(&args, &mut output),
        Command::Export(args) => transfer::export::run(&args, &mut output),
        Command::Write(args) => write::writes::run_writes(&args, &mut output),
        Command::Query(args) => query::run(&args, &mut output),
        Command::Check(args) => check::run(&args, &mut output),
        Command::Test(args) => test::run(&args, &mut output),
        Command::Expand(args) => expand::run(&args, &mut output),
        Command::Fmt(args) => fmt::run(&args, &mut output),
        Command::Login(args) => login::run(&args, &mut output),
        Command::Token(args) => token::run(&args, &mut output),
        Command::User(args) => user::run(&args, &mut output),
        Command::Users(args) => users::run(&args, &mut output),
    };
    match result.and_then(|answer| output.flush().map(|()| answer)) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        // Whoever read the output has seen enough.
        Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(trouble) => {
            output.trouble(&trouble);
            ExitCode::from(if trouble.is_refusal() { 1 } else { 2 })
        }
    }
}
