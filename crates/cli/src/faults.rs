//! Turns panics into errors: those of the embedded store's database, which does not validate everything that it reads,
//! and those caused by bugs in this program.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ArgMatches;
use portcullis::text::OneLine;

use super::trouble::Trouble;

/// Whether the database has panicked, as it does on bytes that it could not have written.
static DAMAGED: AtomicBool = AtomicBool::new(false);

/// Runs a command; turns a panic into an error, so that the command ends as with any other failure.
pub(super) fn caught<T>(matches: &ArgMatches, run: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if is_of_database(panic) {
            DAMAGED.store(true, Ordering::Relaxed);
            tracing::error!(%panic, "the embedded store is damaged: restore it from a backup");
        } else {
            usual(panic);
        }
    }));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(Trouble::usage(if DAMAGED.load(Ordering::Relaxed) {
            format!("{} cannot be read: it is damaged; restore it from a backup", place(matches))
        } else {
            "this is a bug in portcullis: please report it, with the message above".to_owned()
        }))
    })
}

fn is_of_database(panic: &PanicHookInfo<'_>) -> bool {
    let source = panic.location().map(|location| Path::new(location.file()));
    source.is_some_and(|source| {
        source.iter().any(|part| part.to_str().is_some_and(|part| part == "redb" || part.starts_with("redb-")))
    })
}

/// The store that the command may have opened, as named in the error message.
fn place(matches: &ArgMatches) -> String {
    // For a nested subcommand such as `users list`, the options are in the innermost matches.
    let mut matches = matches;
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let given = |name: &str| -> Option<&OsStr> { matches.try_get_raw(name).ok()??.next_back() };
    match given("store").or_else(|| given("documents")) {
        Some(store) if !store.as_encoded_bytes().starts_with(b"mongodb") => {
            format!("the embedded store `{}`", OneLine(Path::new(store).display().to_string()))
        }
        _ => {
            let state = Path::new(given("state").unwrap_or(OsStr::new(".portcullis")));
            let file = |name: &str| OneLine(state.join(name).display().to_string()).to_string();
            format!("the embedded store, `{}` or `{}`,", file("documents.redb"), file("state.redb"))
        }
    }
}
