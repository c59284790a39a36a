//! Modules import one another only in the order given by `docs/architecture.md`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The module names in the first column of the table, in order.
fn order() -> Vec<String> {
    let page = fs::read_to_string("docs/architecture.md").unwrap();
    let table = page.split("## Modules").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`').to_owned())).collect()
}

pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// The modules to which a file refers by `crate::`, outside of comments.
fn imported(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    code.flat_map(|line| line.split("crate::").skip(1).map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn modules_import_only_those_listed_before_them_in_the_documentation() {
    let order = order();
    let places: HashMap<&str, usize> = order.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    assert_eq!(places.len(), order.len(), "a module stands in the table twice");
    let mut found = Vec::new();
    files(Path::new("src"), &mut found);
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for file in found.iter().filter(|file| !file.ends_with("src/lib.rs")) {
        let module = file.strip_prefix("src").unwrap().iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let place = *places.get(module).unwrap_or_else(|| panic!("`{module}` is not in docs/architecture.md"));
        seen.insert(module.to_owned());
        for name in imported(&fs::read_to_string(file).unwrap()) {
            if places.get(name.as_str()).is_some_and(|other| *other > place) {
                wrong.push(format!("{} imports `{name}`, which follows `{module}`", file.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(seen.len(), order.len(), "the table has a module that is not there: {order:?}");
}
