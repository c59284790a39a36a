//! Loads public applications, which are not part of the project. If they are not available, the test is ignored.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use portcullis::App;

fn main() -> ExitCode {
    let test = Trial::ignorable_test("every_public_application_is_read_whole", every_public_application_is_read_whole);
    libtest_mimic::run(&Arguments::from_args(), vec![test]).exit_code()
}

fn every_public_application_is_read_whole() -> Result<Completion, Failed> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        return Ok(Completion::ignored_with(format!("`{}` is not there", corpus.display())));
    }
    let apps = App::discover(&corpus);
    assert!(apps.len() >= 73, "{}", apps.len());
    for path in apps {
        let app = App::load(&path)?;
        assert!(app.ignored.is_empty(), "{}: {:?}", path.display(), app.ignored);
        let refused = app.check().into_iter().find(|found| found.finding.code == "auth-key-unknown");
        assert!(refused.is_none(), "{}: {refused:?}", path.display());
    }
    Ok(Completion::Completed)
}
