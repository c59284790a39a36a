//! The filter of a plan, evaluated in memory, finds exactly the documents that the guard lets through.

use bson::{Bson, Document};
use portcullis::access::{Guard, Query};
use portcullis::eval::Context;
use portcullis::policy::{self, RulesFile};
use portcullis::query::Plan;
use portcullis::user::{User, UserType};
use portcullis::{json, testfile};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value as Json;

use crate::naive;

const FILES: usize = 3_000;

fn document(value: &Json) -> Document {
    json::to_document(&json::parse(&value.to_string()).unwrap()).unwrap()
}

/// What a filter finds; none if it holds data that reads as operators when it is written as JSON.
fn found(filter: &Document, documents: &[Document]) -> Option<Vec<Bson>> {
    let text = json::from_bson(&Bson::Document(filter.clone())).to_string();
    let query = Query::compile(Some(&json::parse(&text).unwrap()), None, None).ok()?;
    let system = User { kind: UserType::System, ..User::new("system") };
    let guard = Guard::new(None::<policy::Policy>, Context::new().with_user(system));
    let found = guard.find(&query, documents.iter().map(Into::into)).unwrap();
    Some(found.iter().map(|document| document["_id"].clone()).collect())
}

#[test]
fn the_query_finds_exactly_what_the_evaluator_allows() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = naive::generate::file();
    let (mut plans, mut exact, mut bounds) = (0, 0, 0);
    for _ in 0..FILES {
        let file = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(rules) = policy::compile(&json::parse(&file["rules"].to_string()).unwrap()) else { continue };
        let cases = file["cases"].as_array().unwrap().iter();
        let stored =
            cases.filter_map(|case| ["read", "search", "insert", "delete"].iter().find_map(|key| case.get(key)));
        let mut documents: Vec<Document> = stored.map(document).collect();
        for (number, document) in documents.iter_mut().enumerate() {
            document.insert("_id", i32::try_from(number).unwrap());
        }
        for user in file["users"].as_object().unwrap().values() {
            let mut context = Context::new().with_user(User::from_document(document(user)).unwrap());
            if let Some(values) = file.get("values") {
                context = context.with_values(document(values));
            }
            let functions = json::parse(&file["functions"].to_string()).unwrap();
            context = context.with_functions(testfile::functions(&functions).unwrap());
            let guard = Guard::new(RulesFile::effective(Some(&rules), None), context);
            let allowed: Vec<Bson> = documents
                .iter()
                .filter(|document| guard.read(*document).is_allowed())
                .map(|document| document["_id"].clone())
                .collect();
            let plan = guard.plan();
            let shown = || format!("{plan:?}\nallowed {allowed:?}\nuser {user}\n{}\n{documents:?}", file["rules"]);
            plans += 1;
            match &plan {
                Plan::Never => assert!(allowed.is_empty(), "{}", shown()),
                Plan::Always => assert_eq!(allowed.len(), documents.len(), "{}", shown()),
                Plan::Exact(filter) => {
                    exact += 1;
                    let Some(found) = found(filter, &documents) else { continue };
                    assert_eq!(found, allowed, "{}", shown());
                }
                Plan::Bounds { lower, upper } => {
                    bounds += 1;
                    if let Some(found) = found(upper, &documents) {
                        assert!(allowed.iter().all(|id| found.contains(id)), "{}", shown());
                    }
                    if let Some(found) = lower.as_ref().and_then(|lower| found(lower, &documents)) {
                        assert!(found.iter().all(|id| allowed.contains(id)), "{}", shown());
                    }
                }
            }
        }
    }
    println!("{plans} plans: {exact} exact, {bounds} with a check left");
    assert!(exact > plans / 20 && bounds < plans / 2, "{plans} plans: {exact} exact, {bounds} with a check left");
}
