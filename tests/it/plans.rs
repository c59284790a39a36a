//! The filter of a plan, evaluated in memory, matches exactly the documents that the guard permits reading.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use portcullis::Context;
use portcullis::access::{PlanExplanation, Query, QueryError};
use portcullis::policy::{self, RulesFile};
use portcullis::query_plan::{MAX_FILTER_BYTES, MAX_LIST, Plan, Remaining};
use portcullis::value::DocumentRef;
use portcullis::{Guard, User, json, testfile};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};

use portcullis_testkit::naive;

const FILES: usize = 3_000;

fn document(value: &Json) -> Document {
    json::to_document(&json::parse(&value.to_string()).unwrap()).unwrap()
}

/// The documents that a filter matches; `None` if it contains data that becomes operators when written as JSON.
fn found(filter: &Document, documents: &[Document]) -> Option<Vec<Bson>> {
    let text = json::from_bson(&Bson::Document(filter.clone())).to_string();
    let query = Query::compile(Some(&json::parse(&text).unwrap()), None, None).ok()?;
    let system = User::system();
    let guard = Guard::new(None::<policy::Policy>, Context::new().with_user(system));
    let found = guard.find(&query, documents.iter().map(Into::into)).unwrap();
    Some(found.iter().map(|document| document["_id"].clone()).collect())
}

#[test]
fn the_query_finds_exactly_what_the_evaluator_allows() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = naive::generate::file();
    let (mut plans, mut exact, mut bounds, mut failed) = (0, 0, 0, 0);
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
            let mut context = Context::new().with_user(testfile::user(document(user)).unwrap());
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
            let Ok(plan) = guard.plan() else {
                let stored = documents.iter().map(DocumentRef::from);
                let found = guard.find(&Query::compile(None, None, None).unwrap(), stored);
                assert!(matches!(found, Err(QueryError::Failed(_))), "{found:?}");
                failed += 1;
                continue;
            };
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
    println!("{plans} plans: {exact} exact, {bounds} with a check left; {failed} failed");
    assert!(exact > plans / 20 && bounds < plans / 2, "{plans} plans: {exact} exact, {bounds} with a check left");
}

fn explained(rules: &Json) -> PlanExplanation {
    let rules = policy::compile(&json::parse(&rules.to_string()).unwrap()).unwrap();
    let custom_data = doc! {
        "long": (0..MAX_LIST).map(|number| number.to_string()).collect::<Vec<_>>(),
        "large": "x".repeat(MAX_FILTER_BYTES),
        "groups": ["x", "y"],
        "orgs": [{ "id": "x", "oid": ObjectId::from_bytes([1; 12]) }, { "id": "y" }],
        "many": (0..=MAX_LIST).map(|number| doc! { "id": number.to_string() }).collect::<Vec<_>>(),
    };
    let user = User::new("u1").with_custom_data(custom_data);
    Guard::new(RulesFile::effective(Some(&rules), None), Context::new().with_user(user)).explain_plan().unwrap()
}

fn reader(apply_when: &Json) -> Json {
    json!({ "roles": [{ "name": "R", "apply_when": apply_when, "read": true }] })
}

#[test]
fn an_explanation_lists_the_remaining_checks() {
    let by_fields = |fields: Json| json!({ "roles": [{ "name": "R", "apply_when": {}, "fields": fields }] });
    let cases = [
        (reader(&json!({ "owner": "%%user.id" })), vec![]),
        (
            reader(&json!({ "%%true": { "%function": { "name": "f", "arguments": ["%%root.a"] } } })),
            vec![Remaining::Function],
        ),
        (reader(&json!({ "a": { "$regex": "^a" } })), vec![Remaining::Pattern]),
        (reader(&json!({ "a": "%%root.b" })), vec![Remaining::Documents]),
        (reader(&json!({ "a": { "%stringToOid": "%%root.b" } })), vec![Remaining::Conversion]),
        (reader(&json!({ "a": "%%user.custom_data.long" })), vec![Remaining::List]),
        (reader(&json!({ "a": "%%user.custom_data.large" })), vec![Remaining::Size]),
        (reader(&json!({ "a.b": null })), vec![Remaining::Other]),
        (reader(&json!({ "a": { "$elemMatch": { "b": "%%root.c" } } })), vec![Remaining::Elements]),
        (by_fields(json!({ "a": { "read": { "%%this": 1 } } })), vec![]),
        (by_fields(json!({ "a": { "fields": { "b": { "read": { "%%this": 1 } } } } })), vec![Remaining::Fields]),
        (
            json!({ "roles": [{ "name": "R", "apply_when": {}, "additional_fields": { "read": { "%%this": "x" } } }] }),
            vec![Remaining::Fields],
        ),
        (reader(&json!({ "a": { "$regex": "^a" }, "b": "%%root.c" })), vec![Remaining::Pattern, Remaining::Documents]),
    ];
    for (rules, remaining) in cases {
        let explanation = explained(&rules);
        assert_eq!(explanation.remaining, remaining, "{rules}: {:?}", explanation.plan);
        assert_eq!(explanation.plan.needs_check(), !remaining.is_empty(), "{rules}");
    }
}

#[test]
fn an_explanation_has_a_projection_if_all_documents_show_the_same_fields() {
    let role = |more: Json| {
        let mut role = json!({ "name": "R", "apply_when": { "owner": "%%user.id" } });
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "roles": [role] })
    };
    let fields = json!({ "a": { "read": true }, "b": { "fields": { "c": { "write": true }, "d": {} } }, "e": { "read": false } });
    let mut filtered = role(json!({ "read": true }));
    filtered["filters"] = json!([{ "name": "F", "apply_when": {}, "projection": { "a": 0, "b.c": 0 } }]);
    let mut two = role(json!({ "read": true }));
    two["roles"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "S", "apply_when": {}, "fields": { "a": { "read": true } } }));
    let cases = [
        (role(json!({ "read": true })), Some(doc! {})),
        (role(json!({ "read": { "public": true } })), Some(doc! {})),
        (role(json!({ "fields": fields })), Some(doc! { "a": 1, "b.c": 1, "_id": 0 })),
        (role(json!({ "fields": { "_id": { "read": true } } })), Some(doc! { "_id": 1 })),
        (
            role(json!({ "fields": { "salary": {} }, "additional_fields": { "read": true } })),
            Some(doc! { "salary": 0 }),
        ),
        (role(json!({ "fields": { "a": { "read": { "%%this": 1 } } } })), None),
        (role(json!({ "write": { "public": true }, "fields": { "a": { "read": true } } })), None),
        (filtered, Some(doc! { "a": 0, "b.c": 0 })),
        (two, None),
        (reader(&json!(false)), None),
    ];
    for (rules, projection) in cases {
        assert_eq!(explained(&rules).projection, projection, "{rules}");
    }
}

#[test]
fn an_explanation_shows_comparisons_with_values_of_the_user() {
    let elements = |list: &str, condition: Json| {
        reader(&json!({ (format!("%%user.custom_data.{list}")): { "$elemMatch": condition } }))
    };
    let cases = [
        (reader(&json!({ "%%user.custom_data.groups": "%%root.group" })), vec![]),
        (reader(&json!({ "%%user.custom_data.groups": { "$nin": "%%root.groups" } })), vec![]),
        (reader(&json!({ "%%user.id": { "%oidToString": "%%root.owner" } })), vec![]),
        // A path through arrays has a list as its value, which may equal the user's list.
        (reader(&json!({ "%%user.custom_data.groups": "%%root.team.group" })), vec![Remaining::Context]),
        (reader(&json!({ "%%user.id": "%%root.teams.0.owner" })), vec![Remaining::Other]),
        (elements("orgs", json!({ "id": "%%root.org", "%or": [{ "oid": "%%root.oid" }, { "id": "y" }] })), vec![]),
        (elements("orgs", json!({ "oid": { "%stringToOid": "%%root.org" } })), vec![Remaining::Conversion]),
        (elements("many", json!({ "id": "%%root.org" })), vec![Remaining::List]),
    ];
    for (rules, remaining) in cases {
        let explanation = explained(&rules);
        assert_eq!(explanation.remaining, remaining, "{rules}: {:?}", explanation.plan);
        assert_eq!(explanation.plan.needs_check(), !remaining.is_empty(), "{rules}: {:?}", explanation.plan);
    }
}

/// Roles that differ in one value become a single list. Roles that permit some documents are nested only as deeply as a
/// server allows.
#[test]
fn planning_a_thousand_roles_takes_bounded_time() {
    let role = |number: usize, read: Json| json!({ "name": format!("R{number}"), "apply_when": { "a": number, "b": { "$in": [1, 2] } }, "read": read });
    let plan = |read: &dyn Fn(usize) -> Json| {
        let roles: Vec<Json> = (0..1_000).map(|number| role(number, read(number))).collect();
        let start = std::time::Instant::now();
        let explanation = explained(&json!({ "roles": roles }));
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "took {:?}", start.elapsed());
        explanation.plan
    };
    let Plan::Exact(filter) = plan(&|_| json!(true)) else { panic!("roles that permit everything have an exact plan") };
    assert_eq!(filter.get_document("a").unwrap().get_array("$in").unwrap().len(), 1_000);
    assert_eq!(filter.len(), 2);
    let Plan::Bounds { upper, .. } = plan(&|number| json!({ "c": number })) else { panic!("too many to nest") };
    assert!(!upper.is_empty());
    assert_eq!(plan(&|_| json!(false)), Plan::Never);
}
