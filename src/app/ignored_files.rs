use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::ProblemKind;
use super::discover::{LAYOUT, is_app};
use super::problem::Problem;
use super::reader::Reader;
use crate::text::{Source, Span, closest};

/// The maximum depth to which directories are searched.
const MAX_DEPTH: usize = 16;

/// The maximum number of directories to search.
const MAX_DIRECTORIES: usize = 20_000;

/// The directories in which any JSON file is expected to have a meaning.
const STRICT: [&str; 10] = [
    "auth",
    "auth_providers",
    "data_sources",
    "environments",
    "http_endpoints",
    "https_endpoints",
    "services",
    "sync",
    "triggers",
    "values",
];

/// The names of files that contain rules.
const NAMES: [&str; 8] = [
    "rules.json",
    "schema.json",
    "relationships.json",
    "default_rule.json",
    "config.json",
    "providers.json",
    "custom_user_data.json",
    "data_api_config.json",
];

/// The names of files that contain rules wherever they are.
const RULE_FILES: [&str; 4] = ["rules.json", "default_rule.json", "providers.json", "custom_user_data.json"];

/// The JSON files in the application directory that nothing uses. Those that seem to be meant as part of the
/// application are reported: a misspelt name must not silently deprive a collection of its rules.
pub(super) fn ignored_files(reader: &mut Reader<'_>) -> Vec<String> {
    let mut left = Vec::new();
    let mut spare = Vec::new();
    let mut waiting = vec![(String::new(), 0)];
    let mut visited = 0;
    while let Some((path, depth)) = waiting.pop() {
        visited += 1;
        if visited > MAX_DIRECTORIES {
            break;
        }
        let directory = reader.directory().join(&path);
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
            if name.starts_with('.') || name == "node_modules" {
                continue;
            }
            let relative = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if kind.is_dir() {
                let own = !path.is_empty() || LAYOUT.contains(&name.as_str());
                if depth < MAX_DEPTH && (own || !is_app(&entry.path())) {
                    waiting.push((relative, depth + 1));
                }
            } else if name.ends_with(".json") && !reader.has_seen(&relative) {
                left.push(relative);
            } else if is_spare(&relative) && !is_present(&directory.join("rules.json")) {
                spare.push(relative);
            }
        }
    }
    left.sort();
    spare.sort();
    for path in spare {
        let kind = lacking(reader.directory(), &path).unwrap_or(ProblemKind::FileUnused);
        let source = Arc::new(Source::new(path, ""));
        reader.problem(&source, Problem::new(kind, Span::default()).help("did you mean `rules.json`?".to_owned()));
    }
    for path in &left {
        let (top, name) = (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
        let ours = STRICT.contains(&top) && path.contains('/');
        if !ours && (!RULE_FILES.contains(&name) || matches!(top, "functions" | "hosting" | "graphql")) {
            continue;
        }
        let source = Arc::new(Source::new(path.clone(), ""));
        let meant = closest(name, NAMES);
        let kind = match meant {
            Some("rules.json") => lacking(reader.directory(), path).unwrap_or(ProblemKind::FileUnused),
            _ => ProblemKind::FileUnused,
        };
        let problem = Problem::new(kind, Span::default());
        let help = match meant {
            Some(known) if known != name => format!("did you mean `{known}`?"),
            _ => belongs(path).to_owned(),
        };
        reader.problem(&source, problem.help(help));
    }
    left
}

/// Whether there is such a file, be it a symbolic link to nowhere: that is reported as a file that cannot be read.
fn is_present(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether a file in a collection's directory looks like a rules file under another name, such as `rules.json.bak`.
fn is_spare(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let ["data_sources", _, _, _, name] = parts.as_slice() else { return false };
    let name = name.to_lowercase();
    name.split('.').next() == Some("rules") || name.contains("rules.json")
}

/// What the collection of a directory lacks because of a misspelt rules file, provided that it has no other rules.
fn lacking(directory: &Path, path: &str) -> Option<ProblemKind> {
    let parts: Vec<&str> = path.split('/').collect();
    let ["data_sources", service, _, _, _] = parts.as_slice() else { return None };
    let source = directory.join("data_sources").join(service);
    if is_present(&directory.join(path).with_file_name("rules.json")) {
        return None;
    }
    let has_default = is_present(&source.join("default_rule.json"));
    Some(if has_default { ProblemKind::FileExposed } else { ProblemKind::FileClosing })
}

/// Help for an unused file: which files belong in its directory, or in the application.
fn belongs(path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["data_sources", _, _, _, name] if !RULE_FILES.contains(name) => {
            "the directory of a collection has rules.json, schema.json and relationships.json; move anything not meant for \
             App Services out of it"
        }
        ["data_sources", _, _] => {
            "the directory of a data source has config.json and default_rule.json; the rules of a collection belong to \
             data_sources/<service>/<database>/<collection>/"
        }
        ["auth", _] => "auth/ has providers.json and custom_user_data.json",
        ["sync", _] => "sync/ has config.json",
        ["http_endpoints" | "https_endpoints", _] => "this directory has config.json and data_api_config.json",
        ["values", ..] => "a value is values/<name>.json",
        ["environments", ..] => "an environment is environments/<tag>.json",
        ["triggers", ..] => "a trigger is triggers/<name>.json",
        ["auth_providers", ..] => "a provider is auth_providers/<name>.json",
        ["services", ..] => {
            "a service has services/<service>/config.json, its rules services/<service>/rules/<database>.<collection>.json"
        }
        _ => "the rules of a collection belong in data_sources/<service>/<database>/<collection>/",
    }
}
