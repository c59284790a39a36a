//! Tricks to learn what may not be read. The cases are data: fixtures/attacks.

use bson::Document;
use mongodb::IndexModel;
use portcullis::Context;
use portcullis::guarded::{FindRequest, GuardedError, Pipeline, RedactedCursor};
use portcullis::json::{self, Node};
use portcullis::policy::{self, RulesFile};
use portcullis::store::documents::Namespace;
use portcullis::{Guard, GuardedCollection};
use portcullis_store::mongodb::MongoDocuments;
use serde_json::Value as Json;

use portcullis_testkit::mongodb::World;

pub(crate) fn node(json: &Json) -> Node {
    json::parse(&json.to_string()).unwrap()
}

pub(crate) fn document(json: &Json) -> Document {
    json::to_document(&node(json)).unwrap()
}

pub(crate) fn guard(rules: &Json, context: Context) -> Guard {
    let rules = policy::compile(&node(rules)).unwrap();
    Guard::new(RulesFile::effective(Some(&rules), None), context)
}

/// What a case says, in words that are the same only for the same answer.
async fn answer(collection: &GuardedCollection<'_>, case: &Json) -> Result<String, GuardedError> {
    if let Some(find) = case.get("find") {
        return shown(collection.find(&FindRequest::parse(&node(find))?).await?).await;
    }
    if let Some(count) = case.get("count") {
        return Ok(collection.count(&FindRequest::parse(&node(count))?).await?.to_string());
    }
    if let Some(path) = case.get("distinct") {
        let mut options = serde_json::json!({});
        if let Some(filter) = case.get("filter") {
            options["filter"] = filter.clone();
        }
        let request = FindRequest::parse(&node(&options))?;
        return Ok(format!("{:?}", collection.distinct(path.as_str().unwrap(), &request).await?));
    }
    shown(collection.aggregate(&Pipeline::parse(&node(&case["aggregate"]))?).await?).await
}

/// How many of a file's prefixes each of its pipelines is put behind, under each policy.
const PREFIXES: usize = 3;

/// A case as it stands; and, if the file has prefixes, its pipeline behind some of them: others under the next policy.
fn behind(case: &Json, prefixes: &[Json], turn: usize) -> Vec<Json> {
    let pipeline = case.get("aggregate").and_then(Json::as_array);
    let (Some(pipeline), false) = (pipeline, prefixes.is_empty()) else { return vec![case.clone()] };
    let prefixes = prefixes.iter().cycle().skip(turn * PREFIXES % prefixes.len()).take(PREFIXES);
    let put = |prefix: &Json| {
        let stages = prefix.as_array().unwrap().iter().chain(pipeline).cloned();
        serde_json::json!({ "trick": case["trick"], "aggregate": stages.collect::<Vec<_>>() })
    };
    std::iter::once(case.clone()).chain(prefixes.map(put)).collect()
}

async fn shown(found: RedactedCursor<'_>) -> Result<String, GuardedError> {
    let all = found.all().await?;
    Ok(all.iter().map(|one| format!("{:?}\n", Document::try_from(one).unwrap())).collect())
}

/// Fills a collection with a list of documents.
async fn fill(world: &World, name: &str, documents: &Json, indexes: &Json) {
    let collection = world.database.collection::<Document>(name);
    let indexes = indexes.as_array().unwrap().iter();
    collection.create_indexes(indexes.map(|keys| IndexModel::builder().keys(document(keys)).build())).await.unwrap();
    collection.insert_many(documents.as_array().unwrap().iter().map(document)).await.unwrap();
}

pub(crate) async fn no_answer_reveals_unreadable_data(world: World) {
    tell_nothing(&world, "reads").await;
}

pub(crate) async fn no_stage_sees_fields_that_the_user_may_not_read(world: World) {
    tell_nothing(&world, "wholes").await;
}

pub(crate) async fn no_order_reveals_unreadable_documents(world: World) {
    tell_nothing(&world, "orders").await;
}

pub(crate) async fn no_order_reveals_unreadable_ids(world: World) {
    tell_nothing(&world, "ids").await;
}

async fn tell_nothing(world: &World, file: &str) {
    let text =
        std::fs::read_to_string(portcullis_testkit::root().join(format!("fixtures/attacks/{file}.json"))).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap();
    let store = MongoDocuments::new(&world.client);
    let user = portcullis::testfile::user(document(&file["user"])).unwrap();
    for list in ["documents", "others", "other_rows"] {
        if let Some(documents) = file.get(list) {
            fill(world, list, documents, &file["indexes"]).await;
        }
    }
    let no_prefixes = Vec::new();
    let prefixes = file.get("prefixes").map_or(&no_prefixes, |prefixes| prefixes.as_array().unwrap());
    let (mut failures, mut asked, mut refused) = (Vec::new(), 0, 0);
    for (turn, (name, policy)) in file["policies"].as_object().unwrap().iter().enumerate() {
        let guard = guard(&policy["rules"], Context::new().with_user(user.clone()));
        let of = |list: &str| {
            let namespace = Namespace::parse(&format!("{}.{list}", world.database.name())).unwrap();
            GuardedCollection::new(&store, namespace, &guard)
        };
        let (one, other) = (of("documents"), of(policy["others"].as_str().unwrap()));
        let cases = file["cases"].as_array().unwrap().iter().enumerate();
        for case in cases.flat_map(|(number, case)| behind(case, prefixes, turn + number)) {
            if case.get("policies").is_some_and(|names| !names.as_array().unwrap().contains(&Json::from(name.as_str())))
            {
                continue;
            }
            asked += 1;
            let (one, other) = (answer(&one, &case).await, answer(&other, &case).await);
            let words = |answer: &Result<String, GuardedError>| match answer {
                Ok(answer) => answer.clone(),
                Err(error) => format!("error: {error} / {}", error.private().unwrap_or_default()),
            };
            let expected = match case.get("refused") {
                Some(text) => {
                    refused += 1;
                    one.as_ref().is_err_and(|error| error.to_string().contains(text.as_str().unwrap()))
                }
                None => one.is_ok(),
            };
            let (one, other) = (words(&one), words(&other));
            if !expected || one != other {
                failures.push(format!("{name}: {}\n{one}\n{other}\n", case["trick"]));
            }
        }
    }
    println!("{asked} tricks, {refused} of them refused");
    assert!(failures.is_empty(), "{} tricks work:\n{}", failures.len(), failures.join("\n"));
}
