use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::links::leads_out;
use crate::json::{MAX_SIZE, parse_bytes};

/// The maximum depth to which a directory is searched for applications.
const MAX_DEPTH: usize = 16;

/// The maximum number of directories to search.
const MAX_DIRECTORIES: usize = 50_000;

/// The maximum number of applications to find.
const MAX_APPS: usize = 1_000;

/// The files that identify an application directory.
pub(super) const ROOTS: [&str; 4] = ["root_config.json", "realm_config.json", "config.json", "stitch.json"];

/// A `config.json` is that of an application if it has one of these keys.
const APP_KEYS: [&str; 6] =
    ["app_id", "config_version", "deployment_model", "provider_region", "custom_user_data_config", "client_app_id"];

/// The directories within an application, which are not searched for other applications.
pub(super) const LAYOUT: [&str; 14] = [
    "auth",
    "auth_providers",
    "data_sources",
    "environments",
    "functions",
    "graphql",
    "hosting",
    "http_endpoints",
    "https_endpoints",
    "log_forwarders",
    "services",
    "sync",
    "triggers",
    "values",
];

/// All application directories at or below `directory`, sorted by path. Hidden directories, `node_modules` and symbolic
/// links are skipped.
pub(super) fn discover(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut visited = 0;
    let mut waiting = vec![(directory.to_path_buf(), 0)];
    while let Some((path, depth)) = waiting.pop() {
        visited += 1;
        if visited > MAX_DIRECTORIES || found.len() >= MAX_APPS {
            break;
        }
        let is_app = is_app(&path);
        if depth < MAX_DEPTH {
            let below = directories(&path).into_iter().filter(|name| !is_app || !LAYOUT.contains(&name.as_str()));
            waiting.extend(below.map(|name| (path.join(name), depth + 1)));
        }
        if is_app {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The application directory that contains `directory`, if any.
pub(super) fn above(directory: &Path) -> Option<PathBuf> {
    // `.` and `..` have to be resolved to find their parents.
    let absolute = directory.canonicalize().ok()?;
    let levels = absolute.ancestors().skip(1).take(MAX_DEPTH).position(is_app)? + 1;
    // The result is expressed in terms of the given path, if possible.
    let named = directory
        .ancestors()
        .nth(levels)
        .filter(|path| path.canonicalize().ok().as_deref() == absolute.ancestors().nth(levels));
    match named {
        Some(path) if path.as_os_str().is_empty() => Some(PathBuf::from(".")),
        Some(path) => Some(path.to_path_buf()),
        None => absolute.ancestors().nth(levels).map(Path::to_path_buf),
    }
}

/// Whether a directory is an application, which is recognised by certain files or by its layout.
pub(super) fn is_app(path: &Path) -> bool {
    let has_root = ROOTS.iter().any(|name| path.join(name).is_file() && (*name != "config.json" || says_app(path)));
    has_root
        || any_below(&path.join("data_sources"), &["config.json", "default_rule.json"])
        || any_collection(&path.join("data_sources"))
        || any_below(&path.join("services"), &["rules", "incoming_webhooks", "default_rule.json"])
        || ["auth/providers.json", "auth/custom_user_data.json", "sync/config.json"]
            .iter()
            .any(|name| path.join(name).is_file())
}

/// Whether the `config.json` in a directory is that of an application.
pub(super) fn says_app(path: &Path) -> bool {
    if leads_out(path, "config.json") {
        return false;
    }
    let path = path.join("config.json");
    let small = fs::metadata(&path).is_ok_and(|metadata| {
        metadata.is_file() && usize::try_from(metadata.len()).is_ok_and(|length| (1..=MAX_SIZE).contains(&length))
    });
    let node = small.then(|| fs::read(&path).ok()).flatten().and_then(|bytes| parse_bytes(&bytes).ok());
    node.is_some_and(|node| APP_KEYS.iter().any(|key| node.get(key).is_some()))
}

/// Whether `data_sources/` contains the rules or schema of any collection.
fn any_collection(path: &Path) -> bool {
    let services = directories(path).into_iter().map(|service| path.join(service));
    let mut databases = services.flat_map(|path| directories(&path).into_iter().map(move |name| path.join(name)));
    databases.any(|path| any_below(&path, &["rules.json", "schema.json"]))
}

/// Whether a subdirectory contains an entry with one of these names.
fn any_below(path: &Path, names: &[&str]) -> bool {
    directories(path).iter().any(|directory| names.iter().any(|name| path.join(directory).join(name).exists()))
}

/// The names of the subdirectories that may contain applications.
pub(super) fn directories(path: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        // The type is that of the entry itself, so symbolic links are not followed.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && name != "node_modules")
        .collect()
}
