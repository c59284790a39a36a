use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::ProblemKind;
use super::discover::{LAYOUT, is_app};
use super::problem::Problem;
use super::reader::Reader;
use crate::text::{Source, Span, closest};

/// How deep files are looked for.
const MAX_DEPTH: usize = 16;

/// How many directories are looked into.
const MAX_DIRECTORIES: usize = 20_000;

/// The directories of which every JSON file has a meaning.
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

/// The names that files with rules have.
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

/// The names of files that hold rules wherever they stand.
const TELLING: [&str; 4] = ["rules.json", "default_rule.json", "providers.json", "custom_user_data.json"];

/// The JSON files below the application directory that nothing reads. One that stands where it seems to be meant as
/// a part of the application is reported: a misspelt name would else leave a collection without its rules.
pub(super) fn leftovers(reader: &mut Reader<'_>) -> Vec<String> {
    let mut left = Vec::new();
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
            }
        }
    }
    left.sort();
    for path in &left {
        let (top, name) = (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
        let ours = STRICT.contains(&top) && path.contains('/');
        if !ours && (!TELLING.contains(&name) || matches!(top, "functions" | "hosting" | "graphql")) {
            continue;
        }
        let source = Arc::new(Source::new(path.clone(), ""));
        let meant = closest(name, NAMES);
        let exposed = meant == Some("rules.json") && takes_default(reader.directory(), path);
        let kind = if exposed { ProblemKind::FileExposed } else { ProblemKind::FileUnused };
        let problem = Problem::new(kind, Span::default());
        let help = match meant {
            Some(known) if known != name => format!("did you mean `{known}`?"),
            _ => "the rules of a collection belong to data_sources/<service>/<database>/<collection>/".to_owned(),
        };
        reader.problem(&source, problem.help(help));
    }
    left
}

/// Whether a file lies in the directory of a collection without rules, which the default roles of its data source serve.
fn takes_default(directory: &Path, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let ["data_sources", service, _, _, _] = parts.as_slice() else { return false };
    let source = directory.join("data_sources").join(service);
    let beside = directory.join(path).with_file_name("rules.json");
    source.join("default_rule.json").exists() && !beside.exists()
}
