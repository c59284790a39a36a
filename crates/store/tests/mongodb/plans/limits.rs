//! The largest filters of plans are none too large for the server; what would be larger leaves a check.

use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::query_plan::{MAX_DEPTH, MAX_FILTER_BYTES, MAX_LIST, Plan};
use portcullis::{Guard, User, json, policy};

use portcullis_testkit::mongodb::World;

fn plan(wanted: impl Into<Bson>) -> Plan {
    let rules = r#"{"roles": [{"name": "R", "apply_when": {"a": "%%user.custom_data.wanted"}, "read": true}]}"#;
    let rules = policy::compile(&json::parse(rules).unwrap()).unwrap();
    let user = User::new("u").with_custom_data(doc! { "wanted": wanted.into() });
    Guard::new(policy::RulesFile::effective(Some(&rules), None), Context::new().with_user(user)).plan().unwrap()
}

fn list(length: usize) -> Vec<Bson> {
    (0..length).map(|number| Bson::String(format!("v{number}"))).collect()
}

fn nested(levels: usize) -> Bson {
    (0..levels).fold(Bson::Int32(1), |inner, _| Bson::Array(vec![inner]))
}

pub(crate) async fn the_server_accepts_the_largest_plans(world: World) {
    let collection = world.database.collection::<Document>("limits");
    // A list is equal to itself too, so that it has one value more than elements.
    let last = format!("v{}", MAX_LIST - 2);
    let text = "x".repeat(MAX_FILTER_BYTES - 100);
    // Around the value are a filter, a condition and, since a list stands for its elements, a list.
    let deep = nested(MAX_DEPTH - 3);
    collection.insert_many([doc! { "a": &last }, doc! { "a": &text }, doc! { "a": &deep }, doc! {}]).await.unwrap();
    for (wanted, name) in [(list(MAX_LIST - 1).into(), "long"), (Bson::from(text), "large"), (deep, "deep")] {
        let Plan::Exact(filter) = plan(wanted) else { panic!("{name}: no exact plan") };
        assert_eq!(collection.count_documents(filter).await.unwrap(), 1, "{name}");
    }
    let beyond: [(Bson, &str); 3] = [
        (list(MAX_LIST).into(), "long"),
        ("x".repeat(MAX_FILTER_BYTES).into(), "large"),
        (nested(MAX_DEPTH + 1), "deep"),
    ];
    for (wanted, name) in beyond {
        assert_eq!(plan(wanted), Plan::Bounds { lower: None, upper: doc! {} }, "{name}");
    }
}
