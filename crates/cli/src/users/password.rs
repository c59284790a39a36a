use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use console::Term;

use crate::input::{read_file, read_standard_input};
use crate::trouble::Trouble;

/// How a password is given: never as an argument, which other users of the machine can see.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// File with the password, `-` for standard input (default: prompt on a terminal, otherwise read standard input)
    #[arg(long, value_name = "FILE|-")]
    password_file: Option<PathBuf>,
}

impl PasswordArgs {
    pub(super) fn read(&self) -> Result<String, Trouble> {
        match &self.password_file {
            Some(path) if path != Path::new("-") => one_line(read_file(path)?),
            None if io::stdin().is_terminal() => ask(),
            _ => one_line(read_standard_input()?),
        }
    }
}

/// The only line of a text, without its line break. Errors do not show the text.
fn one_line(bytes: Vec<u8>) -> Result<String, Trouble> {
    let text = String::from_utf8(bytes).map_err(|_| Trouble::usage("the password is not UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Trouble::usage("no password found: the file or standard input is empty"));
    }
    if line.contains('\n') {
        return Err(Trouble::usage("the password must be the only line of the file or of standard input"));
    }
    Ok(line.to_owned())
}

/// Prompts for the password twice on the terminal, without echo.
fn ask() -> Result<String, Trouble> {
    let terminal = Term::stderr();
    let read = |prompt: &str| {
        let read = terminal.write_str(prompt).and_then(|()| terminal.read_secure_line());
        read.map_err(|error| Trouble::Read { name: "the password".to_owned(), error })
    };
    let password = read("Password: ")?;
    if password != read("Again: ")? {
        return Err(Trouble::usage("the passwords differ"));
    }
    Ok(password)
}
