//! Every operator, with an operand of every type, asked of fields of every type and shape.

use mongodb::Database;
use serde_json::{Value as Json, json};

use super::tally::Tally;
use super::{Case, MAX_SHOWN, Pool, shrink};
use portcullis_testkit::mongodb::World;
use portcullis_testkit::naive;

const PATHS: [&str; 3] = ["a", "a.a", "a.0"];

/// Each value by itself, in arrays, in documents and in documents in arrays, and nothing at all.
fn documents() -> Vec<Json> {
    let shapes = naive::generate::scalars().into_iter().flat_map(|value| {
        [json!(value), json!([value, 7]), json!([[value]]), json!({"a": value}), json!([{"a": value}, {"a": [value]}])]
    });
    let mut all: Vec<Json> = shapes.map(|value| json!({"a": value, "b": 1})).collect();
    all.extend(naive::generate::hostile().into_iter().map(|value| json!({"a": value, "b": 1})));
    all.extend([json!({"b": 1}), json!({"a": [{"b": 1}, {}]}), json!({"a": {"0": 1, "a": {"0": "a"}}})]);
    for (number, document) in all.iter_mut().enumerate() {
        document["_id"] = json!(number);
    }
    all
}

/// What can be asked about a left operand with that right one.
fn questions(right: &Json) -> Vec<Json> {
    let mut all: Vec<Json> =
        ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"].iter().map(|name| json!({*name: right})).collect();
    all.extend([
        json!(right),
        json!({"$not": {"$gt": right}}),
        json!({"$in": [right, "none"]}),
        json!({"$nin": [right]}),
        json!({"$all": [right]}),
        json!({"$elemMatch": {"$eq": right}}),
        json!({"$elemMatch": {"$ne": right}}),
        json!({"$elemMatch": {"a": right}}),
        json!({"$not": {"$elemMatch": {"a": {"$in": [right]}}}}),
    ]);
    all
}

/// What can be asked without any.
fn plain_questions() -> Vec<Json> {
    let mut all =
        vec![json!({"$exists": true}), json!({"$exists": false}), json!({"$mod": [2, 1]}), json!({"$mod": [3, 0]})];
    all.extend((0..3).map(|size| json!({"$size": size})));
    all.extend((1..20).chain([-1, 127]).map(|code| json!({"$type": code})));
    all.extend([json!({"$type": "number"}), json!({"$type": ["null", "array"]}), json!({"$regex": "^a"})]);
    all
}

/// Conditions, each with what `%%user.custom_data.x` is for it.
fn conditions() -> Vec<(Json, Json)> {
    let mut all = Vec::new();
    for path in PATHS {
        for question in plain_questions() {
            all.push((json!({path: {"$not": question}}), json!(1)));
            all.push((json!({path: question}), json!(1)));
        }
    }
    for value in naive::generate::scalars() {
        for path in PATHS {
            all.extend(questions(&value).into_iter().map(|question| (json!({path: question}), json!(1))));
        }
        for brought in [value.clone(), json!([value, "c"])] {
            for path in ["a", "a.a"] {
                let mut forms = questions(&json!("%%user.custom_data.x"));
                forms.push(json!({"$in": "%%user.custom_data.x"}));
                forms.push(json!({"$nin": "%%user.custom_data.x"}));
                all.extend(forms.into_iter().map(|form| (json!({path: form}), brought.clone())));
                let stored = format!("%%root.{path}");
                for right in [json!(stored), json!({"$ne": stored}), json!({"$in": stored}), json!({"$nin": stored})] {
                    all.push((json!({"%%user.custom_data.x": right}), brought.clone()));
                }
            }
        }
    }
    all
}

pub(crate) async fn plans_agree_with_decisions_for_every_operator_and_type(world: World) {
    let tasks: Vec<_> = [0, 1].map(|part| tokio::spawn(work(world.database.clone(), part))).into();
    let mut tally = Tally::default();
    let mut disagreements = Vec::new();
    for task in tasks {
        let (part, found) = task.await.expect("a task that ends");
        tally.merge(part);
        disagreements.extend(found);
    }
    println!("{tally}");
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n\n"));
    assert!(tally.cases() > 5_000, "{tally}");
}

async fn work(database: Database, part: usize) -> (Tally, Vec<String>) {
    let pool = Pool::new(&json!({"documents": documents()}));
    let collection = database.collection(&format!("table{part}"));
    pool.fill(&collection).await;
    let mut tally = Tally::default();
    let mut shown = Vec::new();
    let context = json!({"functions": {}});
    for (condition, brought) in conditions().into_iter().skip(part).step_by(2) {
        let policy = json!({"roles": [{"name": "R", "apply_when": condition, "read": true}]});
        let user = json!({"id": "u", "custom_data": {"x": brought}});
        let Some(case) = Case::new(&context, &policy, &user) else { continue };
        if let Some(found) = case.disagreement(&pool, &collection, &mut tally).await {
            let scratch = database.collection(&format!("shrunk_table{part}"));
            shown.push(shrink::reproduction(&context, &policy, &user, &pool, found, &scratch).await);
            if shown.len() >= MAX_SHOWN {
                break;
            }
        }
    }
    (tally, shown)
}
