//! The `portcullis` command: checks, tests and explains rules, and decides by them.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
