//! Long work on a file, with a bar that shows how far it is.

use std::fs::File;
use std::io::{IsTerminal, Read, stderr};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::input::standard_input;
use super::trouble::Trouble;

/// A file, or standard input for `-`, and the bar that follows how much of it has been read. Nobody sees it where standard error
/// is no terminal, or where nobody knows how much is to come.
pub(super) fn followed(path: &Path) -> Result<(Box<dyn Read>, ProgressBar), Trouble> {
    let bar = ProgressBar::hidden();
    if path.as_os_str() == "-" {
        return Ok((Box::new(standard_input()?), bar));
    }
    let failed = |error| Trouble::Read { name: format!("`{}`", path.display()), error };
    let file = File::open(path).map_err(failed)?;
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
