//! The pipelines in `fixtures/queries`, with the results from a MongoDB 6.0 server.

use bson::Document;
use portcullis::json;

/// One pipeline over the documents of its file.
#[derive(Clone, Debug)]
pub struct QueryCase {
    /// The file and the line.
    pub place: String,
    pub documents: Vec<Document>,
    pub pipeline: Vec<Document>,
    /// The resulting documents; `None` if the server refused the pipeline.
    pub answer: Option<Vec<Document>>,
    /// The error code, if the server refused it.
    pub refused: Option<i32>,
}

pub fn query_cases() -> Vec<QueryCase> {
    let folder = crate::root().join("fixtures/queries");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    let list = |node: &json::Node| -> Vec<Document> {
        node.as_array().unwrap().iter().map(|node| json::to_document(node).unwrap()).collect()
    };
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let node = json::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in node.get("cases").unwrap().as_array().unwrap() {
            let line = text.bytes().take(case.span.start).filter(|byte| *byte == b'\n').count() + 1;
            cases.push(QueryCase {
                place: format!("{}:{line}", file.file_name().unwrap().display()),
                documents: list(node.get("documents").unwrap()),
                pipeline: list(case.get("pipeline").unwrap()),
                answer: case.get("documents").map(list),
                refused: case.get("refused").map(|code| code.to_text().parse().unwrap()),
            });
        }
    }
    assert!(cases.len() > 300, "{} cases", cases.len());
    cases
}
