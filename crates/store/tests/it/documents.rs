//! The embedded store of documents.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use portcullis::json::{self, Node};
use portcullis::store::documents::{Change, DocumentStore, DocumentsError, Find, Namespace};
use portcullis::store::{Session, Sessions};
use portcullis_store::{Embedded, EmbeddedDocuments};

use portcullis_testkit::contracts::documents::{LAWS, all, find, insert};

fn namespace() -> Namespace {
    Namespace::parse("test.documents").unwrap()
}

fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-{name}-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_embedded_document_store_satisfies_the_contract() {
    for &(name, law) in LAWS {
        eprintln!("{name}");
        law((Arc::new(EmbeddedDocuments::in_memory().unwrap()), namespace())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guarded_writes_satisfy_the_contract() {
    let laws = [portcullis_testkit::contracts::writes::LAWS, portcullis_testkit::contracts::refusals::LAWS];
    for &(name, law) in laws.into_iter().flatten() {
        eprintln!("{name}");
        law((Arc::new(EmbeddedDocuments::in_memory().unwrap()), namespace())).await;
    }
}

#[tokio::test]
async fn a_query_reads_a_consistent_snapshot() {
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), namespace());
    let documents: Vec<Document> = (0..5000).map(|id| doc! { "_id": id, "n": 0 }).collect();
    insert(&store, &namespace, &documents).await;
    let all = Find::default();
    let mut cursor = store.find(&namespace, &all).await.unwrap();
    let mut count = cursor.batch().await.unwrap().len();
    assert!((1..5000).contains(&count), "{count} in the first batch");
    let mut transaction = store.begin().await.unwrap();
    for id in 0..5000 {
        transaction.delete(&namespace, &Bson::Int32(id)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    loop {
        let batch = cursor.batch().await.unwrap();
        if batch.is_empty() {
            break;
        }
        count += batch.len();
    }
    assert_eq!(count, 5000);
    assert_eq!(find(&store, &namespace, doc! {}).await.len(), 0);
}

/// On one thread, where a blocked one would wait for ever.
#[tokio::test(flavor = "current_thread")]
async fn writers_wait_for_each_other_without_blocking_the_thread() {
    let users = Embedded::in_memory("app").unwrap();
    let (store, namespace) = (users.documents(), namespace());
    let mut first = store.begin().await.unwrap();
    first.insert(&namespace, &doc! { "_id": 1 }).await.unwrap();
    let second = tokio::spawn({
        let (store, namespace) = (store.clone(), namespace.clone());
        async move { insert(&store, &namespace, &[doc! { "_id": 2 }]).await }
    });
    // Users and sessions are in the same file.
    let third = tokio::spawn(async move {
        let now = bson::DateTime::now();
        let (id, user_id, device_id) = ("s".to_owned(), "ada".to_owned(), "d".to_owned());
        users
            .start(&Session { id, user_id, device_id, started_at: now, expires_at: None, key_id: None })
            .await
            .unwrap();
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished() && !third.is_finished());
    first.commit().await.unwrap();
    second.await.unwrap();
    third.await.unwrap();
    assert_eq!(find(&store, &namespace, doc! {}).await.len(), 2);
}

#[tokio::test]
async fn a_transaction_without_operations_blocks_no_writer() {
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), namespace());
    let mut begun = store.transaction();
    insert(&store, &namespace, &[doc! { "_id": 1 }]).await;
    store.transaction().commit().await.unwrap();
    assert_eq!(begun.find(&namespace, &Find::default()).await.unwrap().len(), 1);
    let mut other = store.begin();
    assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "what it reads may be changed");
    begun.insert(&namespace, &doc! { "_id": 2 }).await.unwrap();
    begun.commit().await.unwrap();
    assert_eq!(other.await.unwrap().find(&namespace, &Find::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_writer_that_waits_too_long_gets_a_retryable_error() {
    let store = EmbeddedDocuments::in_memory().unwrap();
    let first = store.begin().await.unwrap();
    let refused = store.begin().await.err().unwrap();
    assert!(refused.is_transient(), "{refused}");
    drop(first);
    store.begin().await.unwrap();
}

#[tokio::test]
async fn unsupported_operations_are_refused_by_name() {
    let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), namespace());
    insert(&store, &namespace, &[doc! { "_id": 1, "l": [1] }]).await;
    let finds = [
        Find::by(doc! { "$where": "true" }),
        Find::by(doc! { "$expr": { "$rand": {} } }),
        Find::by(doc! { "a": { "$near": [1, 1] } }),
        Find { projection: doc! { "l": { "$slice": 1 } }, ..Find::default() },
        Find { projection: doc! { "l.$": 1 }, ..Find::default() },
        Find { projection: doc! { "l": "$_id" }, ..Find::default() },
        Find { sort: doc! { "l": { "$meta": "textScore" } }, ..Find::default() },
        Find { sort: doc! { "$natural": -1 }, ..Find::default() },
    ];
    for find in finds {
        let refused = store.find(&namespace, &find).await.err().unwrap_or_else(|| panic!("{find:?}"));
        assert!(matches!(refused, DocumentsError::Unsupported { .. }), "{find:?}: {refused:?}");
    }
    for stage in [
        doc! { "$group": { "_id": "$a", "b": { "$accumulator": {} } } },
        doc! { "$lookup": {} },
        doc! { "$out": "other" },
        doc! { "$project": { "a": { "$function": {} } } },
        doc! { "$facet": {} },
        doc! { "$frob": 1 },
    ] {
        let pipeline = [stage];
        let refused = store.aggregate(&namespace, &pipeline).await.err().unwrap();
        assert!(matches!(refused, DocumentsError::Unsupported { .. }), "{pipeline:?}: {refused:?}");
    }
    let mut transaction = store.begin().await.unwrap();
    let changes = [
        Change::Pipeline(vec![doc! { "$set": { "a": { "$function": {} } } }]),
        Change::Operators { update: doc! { "$set": { "l.$": 1 } }, array_filters: Vec::new() },
    ];
    let filter = doc! { "$or": [{ "l": 1 }, { "l": 2 }] };
    for change in changes {
        let refused = transaction.update(&namespace, &filter, &change, false).await.unwrap_err();
        assert!(matches!(refused, DocumentsError::Unsupported { .. }), "{change:?}: {refused:?}");
    }
}

#[tokio::test]
async fn committed_data_is_there_when_the_file_is_reopened() {
    let (path, namespace) = (file("documents"), namespace());
    let store = EmbeddedDocuments::open(&path).unwrap();
    insert(&store, &namespace, &[doc! { "_id": 1 }]).await;
    let mut left = store.begin().await.unwrap();
    left.insert(&namespace, &doc! { "_id": 2 }).await.unwrap();
    drop(left);
    drop(store);
    let users = Embedded::open(&path, "app").unwrap();
    assert_eq!(find(&users.documents(), &namespace, doc! {}).await, [doc! { "_id": 1 }]);
    fs::remove_file(&path).unwrap();
}

const WRITER: &str = "PORTCULLIS_TEST_WRITER";

/// Not a test by itself: the process that the next one kills. It moves money between two documents, notes each move in a third,
/// and says which move is done.
#[tokio::test]
async fn the_writer_that_is_killed() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let (store, namespace) = (EmbeddedDocuments::open(PathBuf::from(path).as_path()).unwrap(), namespace());
    let mut number = i32::try_from(find(&store, &namespace, doc! { "move": { "$exists": true } }).await.len()).unwrap();
    loop {
        number += 1;
        let mut transaction = store.begin().await.unwrap();
        for (id, by) in [("a", 1), ("b", -1)] {
            let update = doc! { "$inc": { "sum": by }, "$push": { "moves": number } };
            let change = Change::Operators { update, array_filters: Vec::new() };
            transaction.update(&namespace, &doc! { "_id": id }, &change, true).await.unwrap();
        }
        transaction.insert(&namespace, &doc! { "_id": number, "move": number }).await.unwrap();
        transaction.commit().await.unwrap();
        println!("done {number}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_no_commit_and_leaves_no_partial_write() {
    let (path, namespace) = (file("killed"), namespace());
    let mut total = 0;
    for round in 0..8_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["documents::the_writer_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(WRITER, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = std::thread::spawn(move || {
            let done = lines.map_while(Result::ok).filter_map(|line| line.split_once("done ")?.1.parse::<i32>().ok());
            done.last()
        });
        let began = Instant::now();
        // Long enough to open the file, then somewhere in the middle.
        while !path.exists() && began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(250 + round * 37)).await;
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = acknowledged.join().unwrap().unwrap_or(total);
        let store = EmbeddedDocuments::open(&path).unwrap();
        let moves = find(&store, &namespace, doc! { "move": { "$exists": true } }).await;
        let count = i32::try_from(moves.len()).unwrap();
        assert!(count >= acknowledged, "{acknowledged} were acknowledged, {count} are there");
        assert!(count <= acknowledged + 1, "{acknowledged} were acknowledged, {count} are there");
        let expected: Vec<Bson> = (1..=count).map(Bson::Int32).collect();
        for (id, sum) in [("a", count), ("b", -count)] {
            let found = find(&store, &namespace, doc! { "_id": id }).await;
            if count > 0 {
                assert_eq!(found, [doc! { "_id": id, "moves": expected.clone(), "sum": sum }], "round {round}");
            }
        }
        for (place, document) in moves.iter().enumerate() {
            assert_eq!(document.get_i32("move").unwrap(), i32::try_from(place).unwrap() + 1);
        }
        total = count;
    }
    println!("{total} moves in 8 rounds");
    assert!(total > 20, "only {total} moves were made");
    fs::remove_file(&path).unwrap();
}

/// The queries in `fixtures/finds`: what a MongoDB server, version 6.0, brought by each.
#[tokio::test]
async fn queries_return_what_mongodb_returned() {
    let folder = portcullis_testkit::root().join("fixtures/finds");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut count, mut failures) = (0, Vec::new());
    for file in files {
        let node = json::parse(&fs::read_to_string(&file).unwrap()).unwrap();
        let file = file.file_name().unwrap().display().to_string();
        let list = |node: &Node, name: &str| -> Option<Vec<Document>> {
            Some(node.get(name)?.as_array()?.iter().map(|node| json::to_document(node).unwrap()).collect())
        };
        let (store, namespace) = (EmbeddedDocuments::in_memory().unwrap(), namespace());
        insert(&store, &namespace, &list(&node, "documents").unwrap()).await;
        for case in node.get("cases").unwrap().as_array().unwrap() {
            count += 1;
            let part = |name: &str| case.get(name).map(|node| json::to_document(node).unwrap()).unwrap_or_default();
            let number = |name: &str| case.get(name).map(|node| node.to_text().parse::<u64>().unwrap());
            let request = Find {
                filter: part("filter"),
                projection: part("projection"),
                sort: part("sort"),
                skip: number("skip").unwrap_or_default(),
                limit: number("limit"),
            };
            let got = match store.find(&namespace, &request).await {
                Ok(cursor) => all(cursor).await,
                Err(error) => Err(error),
            };
            let holds = match &got {
                Err(DocumentsError::Refused { code: Some(code), .. }) => {
                    case.get("refused").is_some_and(|refused| refused.to_text() == code.to_string())
                }
                Err(_) => false,
                Ok(found) => match (list(case, "documents"), case.get("ids")) {
                    (Some(documents), _) => format!("{found:?}") == format!("{documents:?}"),
                    (None, Some(ids)) => {
                        let found: Vec<Bson> =
                            found.iter().filter_map(|document| document.get("_id")).cloned().collect();
                        Bson::Array(found) == json::to_bson(ids).unwrap()
                    }
                    (None, None) => false,
                },
            };
            if !holds {
                failures.push(format!("{file}: {}\n  got {got:?}", case.to_text()));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} failed:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 100, "{count} cases");
}
