use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_server::State;
use portcullis_service::client::{Host, Served};

use super::images::Images;
use super::triggers::RunningTriggers;
use crate::output::note;
use crate::trouble::Trouble;

/// How often the applications' files are checked for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The parts of the server to which reloaded applications are passed.
pub(super) struct Serving {
    pub(super) host: Host,
    pub(super) images: Images,
    pub(super) state: State,
    pub(super) triggers: RunningTriggers,
}

/// Reloads the applications whenever their files change: all of them or, if one has errors, none.
pub(super) async fn reload(
    directories: Vec<PathBuf>,
    load: impl Fn() -> Result<Vec<Served>, Trouble> + Send + Sync + 'static,
    serving: Serving,
) {
    let Serving { host, images, state, triggers } = serving;
    let load = Arc::new(load);
    let mut seen = print(directories.clone()).await;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let now = print(directories.clone()).await;
        if now == seen {
            continue;
        }
        // An editor or a checkout may still be writing: wait until two checks agree.
        tokio::time::sleep(POLL_INTERVAL / 4).await;
        if print(directories.clone()).await != now {
            continue;
        }
        seen = now;
        let load = Arc::clone(&load);
        let served = tokio::task::spawn_blocking(move || load()).await;
        let served = served.map_err(|error| Trouble::usage(error.to_string())).and_then(|served| served);
        match served.and_then(|served| Ok(host.applications(served)?)) {
            Ok(applications) => {
                images.keep(&host, &applications).await;
                triggers.replace(&applications).await;
                state.replace(applications);
                note("the applications have changed and were reloaded");
            }
            Err(trouble) => {
                note(&format!(
                    "the applications have changed but do not load: the old ones are still served: {trouble}"
                ));
            }
        }
    }
}

/// A fingerprint that changes with the names, sizes and modification times of the applications' files.
async fn print(directories: Vec<PathBuf>) -> u64 {
    let walked = tokio::task::spawn_blocking(move || {
        let mut hasher = DefaultHasher::new();
        for directory in &directories {
            walk(directory, &mut hasher, 0);
        }
        hasher.finish()
    });
    walked.await.unwrap_or_default()
}

/// The maximum depth of directories that are checked.
const MAX_DEPTH: usize = 8;

fn walk(directory: &Path, hasher: &mut DefaultHasher, depth: usize) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let is_ignored = name == "node_modules" || name.to_string_lossy().starts_with('.');
        let Ok(about) = entry.metadata() else { continue };
        if is_ignored {
            continue;
        }
        name.hash(hasher);
        if about.is_dir() {
            if depth < MAX_DEPTH {
                walk(&entry.path(), hasher, depth.saturating_add(1));
            }
        } else {
            (about.len(), about.modified().ok()).hash(hasher);
        }
    }
}
