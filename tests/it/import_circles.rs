//! The files of `src/` do not import one another in cycles. Imports are recognised by their syntax: `use`, and paths
//! that start with `crate` or `super`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::architecture::files;

/// Files that are mutually recursive, like the data that they process.
const RECURSIVE: [&str; 2] = [
    // Filters contain operators, and `$elemMatch` and `$not` contain filters.
    "mongo_query::filter, mongo_query::operators",
    // Residuals contain tests, and tests of list elements contain residuals.
    "query_plan::known_value, query_plan::residual, query_plan::test",
];

/// The names that make up the path of a module or an item.
type Names = Vec<String>;

#[derive(Default)]
struct File {
    /// Whether the file is a `mod.rs`, whose re-exports do not count as imports.
    is_folder: bool,
    items: BTreeSet<String>,
    /// The paths that it refers to, each with the name under which it is re-exported, if any.
    names: Vec<(Names, Option<String>)>,
}

type Files = BTreeMap<Names, File>;

/// The paths in a `use`: `a::{b, c::{d, e}}` contains three.
fn expand(tree: &str, above: &str, paths: &mut Vec<String>) {
    let Some((before, inner)) = tree.split_once('{') else { return paths.push(format!("{above}{}", tree.trim())) };
    let above = format!("{above}{}", before.trim());
    let (mut depth, mut start) = (0, 0);
    let inner = format!("{},", inner.rsplit_once('}').unwrap().0);
    for (at, c) in inner.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            let part = inner[start..at].trim();
            start = at + 1;
            if !part.is_empty() {
                expand(part, &above, paths);
            }
        }
    }
}

/// The path from the crate root; `None` if it is outside of the crate.
fn absolute(path: &str, module: &[String], modules: &BTreeSet<Names>) -> Option<Names> {
    let names: Vec<String> = path.split("::").map(str::to_owned).collect();
    let above = names.iter().take_while(|name| *name == "super").count();
    match names[0].as_str() {
        "crate" => Some(names[1..].to_vec()),
        "self" => Some([module, &names[1..]].concat()),
        "super" => Some([&module[..module.len().checked_sub(above)?], &names[above..]].concat()),
        first => modules.contains(&[module, &[first.to_owned()]].concat()).then(|| [module, &names].concat()),
    }
}

fn read(path: &Path, module: &[String], modules: &BTreeSet<Names>) -> File {
    let code = Regex::new(r"(?m)//.*$").unwrap().replace_all(&fs::read_to_string(path).unwrap(), "").into_owned();
    let item =
        Regex::new(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:const |async )*(?:struct|enum|fn|trait|type|const|static) (\w+)");
    let import = Regex::new(r"(?m)^ *(pub(?:\([^)]*\))? )?use ([^;]+);").unwrap();
    let mut names = Vec::new();
    for found in import.captures_iter(&code) {
        let mut paths = Vec::new();
        expand(&found[2], "", &mut paths);
        for path in paths {
            let (path, alias) = path.split_once(" as ").unwrap_or((&path, path.rsplit("::").next().unwrap()));
            let exported = found.get(1).map(|_| alias.to_owned());
            names.extend(absolute(path, module, modules).map(|path| (path, exported)));
        }
    }
    let path_in_code = Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").unwrap();
    let rest = import.replace_all(&code, "");
    names.extend(
        path_in_code.find_iter(&rest).filter_map(|path| Some((absolute(path.as_str(), module, modules)?, None))),
    );
    let items = item.unwrap().captures_iter(&code).map(|found| found[1].to_owned()).collect();
    File { is_folder: path.ends_with("mod.rs") || path.ends_with("lib.rs"), items, names }
}

/// The file that defines the item at a path, following re-exports.
fn definer(path: &[String], files: &Files, depth: usize) -> Names {
    let module =
        (0..=path.len()).rev().map(|length| &path[..length]).find(|module| files.contains_key(*module)).unwrap();
    let Some(name) = path.get(module.len()).filter(|name| depth < 10 && !files[module].items.contains(*name)) else {
        return module.to_vec();
    };
    let exported = files[module].names.iter().find(|(_, exported)| exported.as_ref() == Some(name));
    exported.map_or_else(|| module.to_vec(), |(target, _)| definer(target, files, depth + 1))
}

/// All files that a file imports, directly or indirectly.
fn reached<'f>(from: &'f Names, imports: &'f BTreeMap<Names, BTreeSet<Names>>) -> BTreeSet<&'f Names> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(file) = left.pop() {
        left.extend(imports[file].iter().filter(|import| reached.insert(*import)));
    }
    reached
}

#[test]
fn no_files_import_each_other_circularly() {
    let mut found = Vec::new();
    files(Path::new("src"), &mut found);
    let module = |path: &Path| -> Names {
        let path = path.strip_prefix("src").unwrap().with_extension("");
        let names = path.iter().map(|name| name.to_str().unwrap().to_owned());
        names.filter(|name| !["mod", "lib"].contains(&name.as_str())).collect()
    };
    let modules: BTreeSet<Names> = found.iter().map(|path| module(path)).collect();
    let files: Files = found.iter().map(|path| (module(path), read(path, &module(path), &modules))).collect();
    let imports: BTreeMap<Names, BTreeSet<Names>> = files
        .iter()
        .map(|(module, file)| {
            let own = file.names.iter().filter(|(_, exported)| !(file.is_folder && exported.is_some()));
            let imports = own.map(|(path, _)| definer(path, &files, 0)).filter(|other| other != module);
            (module.clone(), imports.collect())
        })
        .collect();
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 1000, "imports are not found any more");
    let reached: BTreeMap<&Names, BTreeSet<&Names>> =
        imports.keys().map(|file| (file, reached(file, &imports))).collect();
    let circles: BTreeSet<String> = imports
        .keys()
        .filter(|file| reached[file].contains(file))
        .map(|file| {
            let both = imports.keys().filter(|other| reached[file].contains(other) && reached[other].contains(file));
            both.map(|file| file.join("::")).collect::<Vec<_>>().join(", ")
        })
        .collect();
    assert_eq!(circles, BTreeSet::from(RECURSIVE.map(str::to_owned)));
}
