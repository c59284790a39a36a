//! Reads an input with a progress bar.

use std::fs::File;
use std::io::{Cursor, IsTerminal, Read, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::input::{is_json, standard_input};
use super::trouble::Trouble;

/// Opens a file, literal JSON, or standard input for `-`, with a bar that shows how much of it has been read. The bar
/// is hidden if standard error is not a terminal or the size of the input is unknown.
pub(super) fn followed(argument: &str) -> Result<(Box<dyn Read + Send>, ProgressBar), Trouble> {
    let bar = ProgressBar::hidden();
    if argument == "-" {
        // Claims standard input, so that no second argument can use it; another thread reads it.
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

/// The name of an argument for messages.
pub(super) fn named(argument: &str) -> String {
    match argument {
        "-" => "<standard input>".to_owned(),
        text if is_json(text) => "<argument>".to_owned(),
        path => path.to_owned(),
    }
}
