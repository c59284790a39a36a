//! The filters of plans use indexes.

use bson::{Document, doc};
use mongodb::IndexModel;
use portcullis::Context;
use portcullis::query_plan::{Plan, indexes_for};
use portcullis::{Guard, User, json, policy};
use portcullis_store::mongodb::{FindPlan, explain_find};
use serde_json::{Value as Json, json};

use portcullis_testkit::mongodb::World;

fn filter(rules: &Json) -> Document {
    let rules = policy::compile(&json::parse(&rules.to_string()).unwrap()).unwrap();
    let context = Context::new().with_user(User::new("u7").with_custom_data(doc! { "teams": ["t1", "t2"] }));
    match Guard::new(policy::RulesFile::effective(Some(&rules), None), context).plan() {
        Ok(Plan::Exact(filter)) => filter,
        other => panic!("{other:?}"),
    }
}

fn role(apply_when: &Json) -> Json {
    json!({ "roles": [{ "name": "R", "apply_when": apply_when, "read": true }] })
}

async fn fill(world: &World, name: &str) -> mongodb::Collection<Document> {
    let collection = world.database.collection::<Document>(name);
    let documents = (0..500).map(|number| {
        let team = doc! { "id": format!("t{}", number % 40) };
        doc! { "_id": number, "owner": format!("u{}", number % 50), "members": [format!("u{number}"), "u0"], "teams": [team] }
    });
    collection.insert_many(documents).await.unwrap();
    collection
}

pub(crate) async fn a_plan_uses_the_indexes_that_it_names(world: World) {
    let collection = fill(&world, "indexed").await;
    let plans = [
        json!({ "owner": "%%user.id" }),
        json!({ "%or": [{ "owner": "%%user.id" }, { "members": "%%user.id" }] }),
        json!({ "%or": [{ "owner": "%%user.id" }, { "%%user.id": { "$in": "%%root.members" } }] }),
        json!({ "teams.id": { "$in": "%%user.custom_data.teams" }, "owner": { "$ne": "%%user.id" } }),
        json!({ "teams": { "$elemMatch": { "id": "%%user.custom_data.teams" } } }),
    ];
    let explain =
        async |filter: &Document| explain_find(&world.client, world.database.name(), "indexed", filter).await.unwrap();
    for apply_when in &plans {
        let filter = filter(&role(apply_when));
        let scan = FindPlan { indexes: Vec::new(), reads_everything: true };
        assert_eq!(explain(&filter).await, scan, "without indexes: {filter}");
        let fields = indexes_for(&filter).unwrap_or_else(|| panic!("no index would serve {filter}"));
        for field in &fields {
            collection.create_index(IndexModel::builder().keys(doc! { field: 1 }).build()).await.unwrap();
        }
        let mut used = explain(&filter).await;
        used.indexes.sort();
        let mut wanted: Vec<String> = fields.iter().map(|field| format!("{field}_1")).collect();
        wanted.sort();
        assert_eq!(used, FindPlan { indexes: wanted, reads_everything: false }, "{filter}");
        collection.drop_indexes().await.unwrap();
    }
    let own = filter(&role(&json!({ "_id": "%%user.id" })));
    assert!(!explain(&own).await.reads_everything);
}
