//! `fixtures/advice/functions.json`: probable mistakes in functions.

use serde_json::{Value, json};

use super::world::Draft;

/// Compares a finding, `severity code file:line: help`, with the expected one, in which `…text…` stands for any help
/// that contains `text`.
fn agrees(expected: &str, found: &str) -> bool {
    match expected.split_once(": …") {
        None => expected == found,
        Some((place, part)) => found.starts_with(place) && found.contains(part.trim_end_matches('…')),
    }
}

#[test]
fn findings_about_functions_match_the_fixture() {
    let path = portcullis_root().join("fixtures/advice/functions.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= 9);
    for case in &cases {
        let title = case["name"].as_str().unwrap();
        let empty = serde_json::Map::new();
        let members = |key: &str| case[key].as_object().unwrap_or(&empty).clone();
        let mut draft = Draft::new();
        for (name, source) in members("functions") {
            draft = draft.function(&name, source.as_str().unwrap(), json!({}));
        }
        for (name, value) in members("values") {
            let text = json!({ "name": name, "value": value, "from_secret": false }).to_string();
            draft = draft.file(&format!("values/{name}.json"), text);
        }
        for (name, kind) in members("services") {
            draft =
                draft.file(&format!("services/{name}/config.json"), json!({ "name": name, "type": kind }).to_string());
        }
        for (name, mut settings) in members("triggers") {
            let function = settings.as_object_mut().unwrap().remove("function").unwrap();
            let processors = json!({ "FUNCTION": { "config": { "function_name": function } } });
            let text = json!({ "name": name, "type": "DATABASE", "config": settings, "event_processors": processors });
            draft = draft.file(&format!("triggers/{name}.json"), text.to_string());
        }
        let (app, library) = draft.load();
        let problems: Vec<_> = library.problems().iter().map(|one| format!("{}: {}", one.file, one.message)).collect();
        assert_eq!(json!(problems), *case.get("problems").unwrap_or(&json!([])), "{title}");
        let advice = library.advice(&app);
        for one in &advice {
            assert!(!one.message.contains('\n') && !one.help.is_empty(), "{title}: {one:?}");
        }
        let found: Vec<String> = advice
            .iter()
            .map(|one| format!("{} {} {}:{}: {}", one.severity, one.code, one.file, one.line, one.help))
            .collect();
        let expected: Vec<&str> =
            case["expect"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, expected)| agrees(expected, found));
        assert!(same, "{title}\n  expected {expected:#?}\n  found    {found:#?}");
    }
}

fn portcullis_root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
