//! Filters and pipelines of clients: what the embedded store makes of them is what a server was seen to make.

use bson::{Document, RawDocumentBuf, doc};
use portcullis::access::Query;
use portcullis::json;
use portcullis::store::documents::{DocumentStore, DocumentsError};
use portcullis_store::EmbeddedDocuments;

use portcullis_testkit::contracts::query_cases::query_cases;

async fn made(documents: &[Document], pipeline: &[Document]) -> Result<Vec<Document>, DocumentsError> {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let documents = documents.iter().map(|document| RawDocumentBuf::try_from(document).unwrap()).collect();
    let mut cursor = store.aggregate_documents("test", documents, pipeline).await?;
    let mut made = Vec::new();
    loop {
        let batch = cursor.batch().await?;
        if batch.is_empty() {
            return Ok(made);
        }
        made.extend(batch.iter().map(|document| Document::try_from(&**document).unwrap()));
    }
}

#[tokio::test]
async fn recorded_queries_get_the_answers_of_the_server() {
    let mut wrong = Vec::new();
    for case in query_cases() {
        let answer = made(&case.documents, &case.pipeline).await;
        let same = match (&answer, &case.answer) {
            (Ok(made), Some(answer)) => format!("{made:?}") == format!("{answer:?}"),
            (Err(error), None) => match error {
                DocumentsError::Refused { code, .. } => *code == case.refused,
                _ => true,
            },
            _ => false,
        };
        if !same {
            wrong.push(format!(
                "{}: {:?}\n  {answer:?}\n  {:?} {:?}",
                case.place, case.pipeline, case.answer, case.refused
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compiled(filter: &str) -> Result<(), String> {
    let node = json::parse(filter).unwrap();
    Query::compile(Some(&node), None, None).map(drop).map_err(|error| error.to_string())
}

#[test]
fn filters_accept_only_the_syntax_of_mongodb() {
    for filter in [
        r#"{"a": {"$gte": null}}"#,
        r#"{"a": {"$lt": [1]}}"#,
        r#"{"a": {"$gt": {"$minKey": 1}}}"#,
        r#"{"a": {"$elemMatch": {"%gt": 7}}}"#,
        r#"{"a": {"$eq": {"$x": 1}}}"#,
        r#"{"a": {"$exists": "%%false"}}"#,
        r#"{"$comment": "why", "$expr": {"$gt": ["$a", "$b"]}}"#,
        r#"{"$jsonSchema": {"required": ["a"]}}"#,
        r#"{"a": {"$bitsAllSet": [1, 5]}}"#,
    ] {
        assert_eq!(compiled(filter), Ok(()), "{filter}");
    }
    for (filter, reason) in [
        (r#"{"a": {"$neq": 1}}"#, "there is no operator `$neq`"),
        (r#"{"$where": "true"}"#, "client-supplied code is not executed"),
        (r#"{"$text": {"$search": "a"}}"#, "a text index would reveal hidden fields"),
        (r#"{"a": {"$near": [1, 1]}}"#, "compare coordinates with `$gt` and `$lt`"),
        (r#"{"$expr": {"$function": {}}}"#, "client-supplied code is not executed"),
        (r#"{"$expr": {"$push": "$a"}}"#, "it is not on the list of operators"),
        (r#"{"$expr": {"$rand": {}}}"#, "its result is not reproducible"),
    ] {
        let refused = compiled(filter).unwrap_err();
        assert!(refused.contains(reason), "{filter}: {refused}");
    }
}

/// What an expression makes is counted before it is made.
#[tokio::test]
async fn the_work_of_an_expression_is_bounded() {
    let twice = |part: bson::Bson| doc! { "$concat": [part.clone(), part] };
    let mut text = bson::Bson::from("$a");
    for _ in 0..14 {
        text = doc! { "$let": { "vars": { "t": text }, "in": twice("$$t".into()) } }.into();
    }
    let loops = doc! { "$range": [0, 3000] };
    let nested =
        doc! { "$map": { "input": loops.clone(), "in": { "$map": { "input": loops, "as": "b", "in": "$$b" } } } };
    let documents = [doc! { "_id": 1, "a": "x".repeat(20_000) }];
    for expression in [text, nested.into(), doc! { "$size": { "$range": [0, 2_000_000_000] } }.into()] {
        let began = std::time::Instant::now();
        let answer = made(&documents, &[doc! { "$project": { "r": expression.clone() } }]).await;
        assert!(answer.is_err(), "{expression}");
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{expression}");
    }
}
