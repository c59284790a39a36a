//! Every case in every fixture has the expected result with the engine and, as far as it can decide, with the naive
//! interpreter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use portcullis::testfile::{TestFile, run};
use portcullis::text::Style;
use serde_json::Value as Json;

use portcullis_testkit::naive;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The test files in a folder, sorted by name. The test fails if there are none.
fn files(folder: &str) -> Vec<PathBuf> {
    let path = fixtures().join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no test file in {}", path.display());
    files
}

fn name(path: &Path) -> String {
    path.strip_prefix(fixtures()).unwrap_or(path).display().to_string()
}

/// Runs every case of a folder.
fn all_pass(folder: &str) {
    let (mut count, mut failures) = (0, Vec::new());
    for path in files(folder) {
        let file = TestFile::load(&path).unwrap_or_else(|error| panic!("{}", error.render(Style::default())));
        assert!(!file.cases.is_empty(), "no case in {}", name(&path));
        match run(&file) {
            Err(error) => failures.push(format!("{}: {error}", name(&path))),
            Ok(report) => {
                count += report.cases.len();
                failures.extend(report.failures().map(|(case, expected, got)| {
                    format!("{}: {case}\n    expected {expected}\n    got      {got}", name(&path))
                }));
            }
        }
    }
    println!("{folder}: {count} cases, {} failed", failures.len());
    assert!(failures.is_empty(), "{} of {folder} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_language_matches_its_fixtures() {
    all_pass("language");
}

#[test]
fn documents_are_matched_like_mongodb_does() {
    all_pass("mongodb");
}

#[test]
fn policies_match_their_fixtures() {
    all_pass("policies");
}

#[test]
fn templates_match_their_fixtures() {
    all_pass("templates");
}

#[test]
fn counterexamples_found_by_random_tests_stay_fixed() {
    all_pass("regressions");
}

/// Cases that the naive interpreter cannot decide: the file, the start of the case's name, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 8] = [
    ("policies/load.json", "a role may spell apply_when applyWhen", OLD_LAYOUT),
    ("mongodb/regex.json", r#"`a`: {$regex: "^a\Z"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^$", $options: "m"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^[a b]$", $options: "x"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^[a&&b]$"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^[[a]b]$"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^[+--]$"}"#, REFUSED),
    ("mongodb/regex.json", r#"`a`: {$regex: "^[a~~b]$"}"#, REFUSED),
];

const OLD_LAYOUT: &str = "it knows today's layout only";
const REFUSED: &str = "it translates patterns that the engine refuses, because the two libraries read them differently";

#[test]
fn the_naive_interpreter_agrees_on_the_fixtures() {
    let (mut compared, mut failures) = (0, Vec::new());
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    for folder in ["language", "policies", "templates", "mongodb", "regressions"] {
        for path in files(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            let file: Json = serde_json::from_str(&text).unwrap();
            for case in file["cases"].as_array().unwrap() {
                let title = case["name"].as_str().unwrap();
                let excepted = |(of, start, _): &&(&str, &str, &str)| *of == name(&path) && title.starts_with(start);
                if let Some((_, _, reason)) = EXCEPTIONS.iter().find(excepted) {
                    *skipped.entry((*reason).to_owned()).or_default() += 1;
                    continue;
                }
                let got = naive::answer(&file, case);
                if let Some(what) = got.get("unsupported") {
                    *skipped.entry(format!("it does not know {}", what.as_str().unwrap())).or_default() += 1;
                    continue;
                }
                compared += 1;
                if !naive::agrees(&case["expect"], &got) {
                    let expected = &case["expect"];
                    failures.push(format!("{}: {title}\n    expected {expected}\n    got      {got}", name(&path)));
                }
            }
        }
    }
    println!("the naive interpreter: {compared} cases compared");
    for (reason, count) in skipped {
        println!("  {count} skipped: {reason}");
    }
    assert!(failures.is_empty(), "{} disagreements:\n{}", failures.len(), failures.join("\n"));
}
