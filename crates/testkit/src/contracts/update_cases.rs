//! The updates in `fixtures/updates`, with the results from a MongoDB 6.0 server.

use bson::{Document, doc};
use portcullis::json;

/// One update, of a document or as an upsert that matches none.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file and the line.
    pub place: String,
    pub document: Option<Document>,
    pub filter: Document,
    pub update: Document,
    pub array_filters: Vec<Document>,
    /// Whether Portcullis refuses it, whatever MongoDB does.
    #[allow(dead_code, reason = "only tests of the updates themselves ask")]
    pub unsupported: bool,
    /// `{"document": …, "modified": …}`, `{"inserted": …}` (without `_id` if it was generated) or
    /// `{"refused": code}`.
    pub expect: Document,
}

impl Case {
    /// Whether the update is a replacement document.
    pub fn is_replacement(&self) -> bool {
        !self.update.keys().next().is_some_and(|first| first.starts_with('$'))
    }
}

pub fn cases() -> Vec<Case> {
    let folder = crate::root().join("fixtures/updates");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let node = json::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in node.get("cases").unwrap().as_array().unwrap() {
            let line = text.bytes().take(case.span.start).filter(|byte| *byte == b'\n').count() + 1;
            let part = |name: &str| case.get(name).map(|node| json::to_document(node).unwrap());
            let filters = case.get("array_filters").and_then(json::Node::as_array).unwrap_or_default();
            cases.push(Case {
                place: format!("{}:{line}", file.file_name().unwrap().display()),
                document: part("document"),
                filter: part("filter").unwrap_or(doc! {}),
                update: part("update").unwrap(),
                array_filters: filters.iter().map(|filter| json::to_document(filter).unwrap()).collect(),
                unsupported: case.get("unsupported").is_some(),
                expect: part("expect").unwrap(),
            });
        }
    }
    assert!(cases.len() > 300, "{} cases", cases.len());
    cases
}
