//! The filter of a plan, run by the server, finds exactly the documents that the guard lets through.

mod case;
mod fixtures;
mod index;
mod limits;
mod shrink;
mod table;
mod tally;

pub(crate) use fixtures::*;
pub(crate) use index::*;
pub(crate) use limits::*;
pub(crate) use table::*;

use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Collection, Database};
use serde_json::Value as Json;

use case::{Case, Disagreement};
use portcullis_testkit::mongodb::World;
use portcullis_testkit::naive;
use tally::Tally;

/// How many cases are asked of the server, each of them one policy, one user and a collection.
const CASES: usize = 20_000;

/// How many disagreements are shown.
const MAX_SHOWN: usize = 3;

/// The fields of which one of the two collections has indexes.
const INDEXED: [&str; 5] = ["a", "b", "tags", "owner", "team.a"];

fn wanted_cases() -> usize {
    std::env::var("PORTCULLIS_LAW_CASES").map_or(CASES, |text| text.parse().expect("PORTCULLIS_LAW_CASES is a number"))
}

/// How much longer than other tests this one may take, on a machine that has more to do.
pub(crate) fn extra_time() -> Duration {
    Duration::from_millis(10 * u64::try_from(wanted_cases()).expect("a number of cases"))
}

/// Two tasks, of which one asks a collection with indexes: these must not change what is found.
pub(crate) async fn the_query_finds_exactly_what_the_evaluator_allows(world: World) {
    let wanted = wanted_cases() / 2;
    let tasks: Vec<_> = [0, 1].map(|first| tokio::spawn(work(world.database.clone(), first, wanted))).into();
    let mut tally = Tally::default();
    let mut disagreements = Vec::new();
    for task in tasks {
        let (part, found) = task.await.expect("a task that ends");
        tally.merge(part);
        disagreements.extend(found);
    }
    println!("{tally}");
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n\n"));
    tally.assert_enough();
}

async fn work(database: Database, first: u64, wanted: usize) -> (Tally, Vec<String>) {
    let collection = database.collection(&format!("pool{first}"));
    if first == 1 {
        for field in INDEXED {
            let index = mongodb::IndexModel::builder().keys(doc! { field: 1 }).build();
            collection.create_index(index).await.expect("an index");
        }
    }
    let mut tally = Tally::default();
    let mut shown = Vec::new();
    for seed in (first..).step_by(2) {
        let file = naive::generate::reads(seed);
        let pool = Pool::new(&file);
        pool.fill(&collection).await;
        for policy in file["policies"].as_array().expect("policies") {
            for user in file["users"].as_object().expect("users").values() {
                let Some(case) = Case::new(&file, policy, user) else { continue };
                if let Some(found) = case.disagreement(&pool, &collection, &mut tally).await {
                    let scratch = database.collection(&format!("shrunk{first}"));
                    shown.push(shrink::reproduction(&file, policy, user, &pool, found, &scratch).await);
                }
                if tally.cases() >= wanted || shown.len() >= MAX_SHOWN {
                    return (tally, shown);
                }
            }
        }
    }
    (tally, shown)
}

/// The documents of a collection, in both forms.
struct Pool {
    documents: Vec<Document>,
    raw: Vec<RawDocumentBuf>,
}

impl Pool {
    fn new(file: &Json) -> Self {
        let documents = file["documents"].as_array().expect("documents").iter().map(document);
        Self::of(documents.collect())
    }

    fn of(documents: Vec<Document>) -> Self {
        let raw = documents.iter().map(|document| RawDocumentBuf::try_from(document).expect("BSON")).collect();
        Self { documents, raw }
    }

    async fn fill(&self, collection: &Collection<RawDocumentBuf>) {
        collection.delete_many(doc! {}).await.expect("an empty collection");
        collection.insert_many(&self.raw).await.expect("documents that MongoDB stores");
    }
}

fn document(json: &Json) -> Document {
    match naive::from_ejson(json).expect("EJSON") {
        Bson::Document(document) => document,
        other => panic!("{other} is no document"),
    }
}
