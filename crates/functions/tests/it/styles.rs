//! Functions written by us in the styles of 2018 to 2025, weighted by what public applications use.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::cases::run_file;

#[tokio::test]
async fn functions_in_all_styles_run_or_are_refused() {
    run_file("styles.json").await;
}

#[test]
fn the_fixture_has_at_least_120_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/functions/styles.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= 120, "{}", cases.len());
}
