use std::path::Path;

use portcullis::text::Severity;
use portcullis::{App, LoadOptions};

use super::trouble::Trouble;

/// Loads an application for a command that needs its environment; an unknown tag is an error.
pub(super) fn load_app(directory: &Path, tag: Option<&str>) -> Result<App, Trouble> {
    let app = App::load_with(directory, &LoadOptions { environment: tag.map(str::to_owned) })?;
    let found: Vec<_> = app
        .findings
        .iter()
        .filter(|found| found.finding.code == "environment-unknown" && found.finding.severity == Severity::Error)
        .cloned()
        .collect();
    if found.is_empty() {
        Ok(app)
    } else {
        Err(Trouble::Files { what: "the environment does not exist".to_owned(), found })
    }
}
