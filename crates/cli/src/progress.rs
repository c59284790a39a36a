//! Long work on a file, with a bar that shows how far it is.

use std::fs::File;
use std::io::{Cursor, IsTerminal, Read, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::input::{is_json, standard_input};
use super::trouble::Trouble;

/// A file, JSON itself, or standard input for `-`, and the bar that follows how much of it has been read. Nobody sees it where standard error
/// is no terminal, or where nobody knows how much is to come.
pub(super) fn followed(argument: &str) -> Result<(Box<dyn Read + Send>, ProgressBar), Trouble> {
    let bar = ProgressBar::hidden();
    if argument == "-" {
        // Taken here, so that a second reader is refused; another thread reads it.
        drop(standard_input()?);
        return Ok((Box::new(std::io::stdin()), bar));
    }
    if is_json(argument) {
        return Ok((Box::new(Cursor::new(argument.as_bytes().to_vec())), bar));
    }
    let failed = |error| Trouble::Read { name: format!("`{argument}`"), error };
    let file = File::open(argument).map_err(failed)?;
    bar.set_length(file.metadata().map_err(failed)?.len());
    let reader = bar.wrap_read(file);
    if stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {msg}, {eta} left") {
            bar.set_style(style);
        }
    }
    Ok((Box::new(reader), bar))
}

/// What messages call an argument.
pub(super) fn named(argument: &str) -> String {
    match argument {
        "-" => "<standard input>".to_owned(),
        text if is_json(text) => "<argument>".to_owned(),
        path => path.to_owned(),
    }
}
