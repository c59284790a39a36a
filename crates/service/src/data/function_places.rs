//! `%function` in every place of the rules that may call a function, under every action. A pending call must be
//! answered or lead to a denial, never to an internal error.

// The rules are built by nested calls, which borrowing would only clutter.
#![allow(clippy::needless_pass_by_value)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bson::{Bson, Document, bson, doc};
use portcullis::app::Secrets;
use portcullis::eval::{FunctionError, PendingCall};
use portcullis::{App, BoxFuture, User};
use portcullis_store::EmbeddedDocuments;
use serde_json::{Value, json};

use super::{Action, Asker, Data, DataStore, Outcome, Reserved, RuleFunctions, Target, of_bson};

/// Functions of rules: `atMost(level)` returns whether the level is at most 2; `never` always fails.
struct Levels;

impl RuleFunctions for Levels {
    fn contains(&self, name: &str) -> bool {
        ["atMost", "never"].contains(&name)
    }

    fn call<'a>(&'a self, call: &'a PendingCall, _: &'a Asker) -> BoxFuture<'a, Result<Bson, FunctionError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match call.arguments.first() {
                Some(Bson::Int32(level)) if call.name == "atMost" => Ok(Bson::Boolean(*level <= 2)),
                Some(Bson::Int64(level)) if call.name == "atMost" => Ok(Bson::Boolean(*level <= 2)),
                _ => Err(FunctionError::Failed { name: call.name.clone(), message: "no".to_owned() }),
            }
        })
    }
}

/// A temporary application directory with the rules of one collection, removed on drop.
struct Rules(PathBuf);

impl Rules {
    fn new(name: &str, rules: &Value) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-places-{}-{name}", std::process::id()));
        let collection = path.join("data_sources/mongodb-atlas/guild/quests");
        fs::create_dir_all(&collection).unwrap();
        fs::create_dir_all(path.join("functions")).unwrap();
        fs::write(path.join("realm_config.json"), json!({ "app_id": "places-abcde", "name": "places" }).to_string())
            .unwrap();
        let source = json!({ "name": "mongodb-atlas", "type": "mongodb-atlas" });
        fs::write(path.join("data_sources/mongodb-atlas/config.json"), source.to_string()).unwrap();
        fs::write(collection.join("rules.json"), rules.to_string()).unwrap();
        fs::write(path.join("functions/config.json"), json!([{ "name": "atMost" }, { "name": "never" }]).to_string())
            .unwrap();
        fs::write(path.join("functions/atMost.js"), "exports = (level) => level <= 2;").unwrap();
        fs::write(path.join("functions/never.js"), "exports = () => { throw new Error('no'); };").unwrap();
        Self(path)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct World {
    data: Data,
    /// Keeps the functions alive: `Data` holds only a weak reference.
    _functions: Arc<dyn RuleFunctions>,
    _rules: Rules,
}

impl World {
    async fn new(name: &str, rules: &Value) -> Self {
        let rules = Rules::new(name, rules);
        let app = App::load(&rules.0).unwrap();
        let store = DataStore::from(EmbeddedDocuments::in_memory().unwrap());
        let data = Data::new(Arc::new(app), Secrets::default(), store, Reserved::default());
        let quests: Vec<Document> =
            (1..=4).map(|n| doc! { "_id": n, "level": n, "name": format!("q{n}"), "secret": n }).collect();
        data.act_as_system(&target(), Action::InsertMany, &doc! { "documents": quests }).await.unwrap();
        let functions: Arc<dyn RuleFunctions> = Arc::new(Levels);
        data.call_functions_by(&functions);
        Self { data, _functions: functions, _rules: rules }
    }

    async fn act(&self, action: Action, options: Bson) -> Result<Bson, String> {
        let asker = Asker::new(User::new("ada").without_custom_data(), None);
        let done = self.data.act(&asker, &target(), action, &of_bson(&options).unwrap()).await;
        done.and_then(Outcome::into_value).map_err(|error| format!("{:?}: {}", error.code, error.message))
    }

    /// All stored documents, read without rules.
    async fn all(&self) -> String {
        let found = self.data.act_as_system(&target(), Action::Find, &doc! { "sort": { "_id": 1 } }).await.unwrap();
        found.into_relaxed_extjson().to_string()
    }
}

fn target() -> Target {
    Target::of("mongodb-atlas", "guild", "quests").unwrap()
}

fn calls(name: &str, argument: Value) -> Value {
    json!({ "%%true": { "%function": { "name": name, "arguments": [argument] } } })
}

/// A role that may do everything, with some members overridden.
fn role(changes: Value) -> Value {
    let mut role = json!({
        "name": "all", "apply_when": {}, "read": true, "write": true, "insert": true, "delete": true, "search": true,
    });
    role.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    role
}

fn of_role(changes: Value) -> Value {
    json!({ "database": "guild", "collection": "quests", "roles": [role(changes)], "filters": [] })
}

fn of_filter(when: Value, query: Value) -> Value {
    let filter = json!({ "name": "some", "apply_when": when, "query": query });
    json!({ "database": "guild", "collection": "quests", "roles": [role(json!({}))], "filters": [filter] })
}

/// Every action, ordered so that none depends on a document that an earlier one removed.
fn actions() -> Vec<(Action, Bson)> {
    let set = bson!({ "$set": { "name": "new" } });
    vec![
        (Action::Find, bson!({ "sort": { "_id": 1 } })),
        (Action::FindOne, bson!({ "filter": { "_id": 3 } })),
        (Action::Count, bson!({})),
        (Action::Distinct, bson!({ "key": "level" })),
        (Action::Aggregate, bson!({ "pipeline": [{ "$sort": { "_id": 1 } }, { "$project": { "level": 1 } }] })),
        (Action::UpdateOne, bson!({ "filter": { "_id": 1 }, "update": set.clone() })),
        (Action::UpdateOne, bson!({ "filter": { "_id": 3 }, "update": set.clone() })),
        (Action::UpdateMany, bson!({ "filter": { "level": { "$gt": 0 } }, "update": { "$set": { "n": 1 } } })),
        (
            Action::ReplaceOne,
            bson!({ "filter": { "_id": 1 }, "replacement": { "level": 1, "name": "r", "secret": 1 } }),
        ),
        (Action::FindOneAndUpdate, bson!({ "filter": { "_id": 4 }, "update": set.clone() })),
        (Action::FindOneAndReplace, bson!({ "filter": { "_id": 4 }, "replacement": { "level": 4, "secret": 4 } })),
        (Action::InsertOne, bson!({ "document": { "_id": 5, "level": 2 } })),
        (Action::InsertOne, bson!({ "document": { "_id": 6, "level": 9 } })),
        (Action::InsertMany, bson!({ "documents": [{ "_id": 7, "level": 1 }, { "_id": 8, "level": 1 }] })),
        (Action::UpdateOne, bson!({ "filter": { "_id": 9 }, "update": { "$set": { "level": 1 } }, "upsert": true })),
        (Action::BulkWrite, bson!({ "operations": [{ "updateOne": { "filter": { "_id": 2 }, "update": set } }] })),
        (Action::FindOneAndDelete, bson!({ "filter": { "_id": 4 } })),
        (Action::DeleteOne, bson!({ "filter": { "_id": 1 } })),
        (Action::DeleteOne, bson!({ "filter": { "_id": 3 } })),
        (Action::DeleteMany, bson!({ "filter": { "level": { "$gt": 0 } } })),
    ]
}

/// The result of every action, and the stored documents after each.
async fn answers(name: &str, rules: &Value) -> Vec<String> {
    let world = World::new(name, rules).await;
    let mut answers = Vec::new();
    for (action, options) in actions() {
        let answer = match world.act(action, options).await {
            Ok(answer) => answer.into_relaxed_extjson().to_string(),
            Err(error) => error,
        };
        answers.push(format!("{}: {answer} | {}", action.name(), world.all().await));
    }
    answers
}

/// Each pair has rules that call a function and the same rules with the function's result written out.
#[tokio::test]
async fn a_function_in_any_part_of_the_rules_acts_like_its_result() {
    let level = |at_most: i32| json!({ "level": { "$lte": at_most } });
    let no = json!({ "_id": "none of them" });
    let pairs = [
        ("filter", of_filter(calls("atMost", json!(1)), level(3)), of_filter(json!({}), level(3))),
        (
            "filter-off",
            of_filter(calls("atMost", json!(9)), level(3)),
            of_filter(json!({ "%%user.id": "nobody" }), level(3)),
        ),
        ("role", of_role(json!({ "apply_when": calls("atMost", json!(1)) })), of_role(json!({}))),
        ("role-off", of_role(json!({ "apply_when": calls("atMost", json!(9)) })), of_role(json!({ "apply_when": no }))),
        (
            "role-document",
            of_role(json!({ "apply_when": calls("atMost", json!("%%root.level")) })),
            of_role(json!({ "apply_when": { "%%root.level": { "%lte": 2 } } })),
        ),
        (
            "document-filters",
            of_role(
                json!({ "document_filters": { "read": calls("atMost", json!("%%root.level")), "write": calls("atMost", json!("%%root.level")) } }),
            ),
            of_role(
                json!({ "document_filters": { "read": { "%%root.level": { "%lte": 2 } }, "write": { "%%root.level": { "%lte": 2 } } } }),
            ),
        ),
        (
            "document-filters-always",
            of_role(
                json!({ "document_filters": { "read": calls("atMost", json!(1)), "write": calls("atMost", json!(9)) } }),
            ),
            of_role(json!({ "document_filters": { "read": true, "write": false } })),
        ),
        (
            "read",
            of_role(json!({ "read": calls("atMost", json!(9)), "write": false })),
            of_role(json!({ "read": false, "write": false })),
        ),
        (
            "read-document",
            of_role(
                json!({ "read": calls("atMost", json!("%%root.level")), "write": calls("atMost", json!("%%root.level")) }),
            ),
            of_role(json!({ "read": { "%%root.level": { "%lte": 2 } }, "write": { "%%root.level": { "%lte": 2 } } })),
        ),
        (
            "fields",
            of_role(
                json!({ "read": null, "write": null, "fields": { "secret": { "read": calls("atMost", json!("%%root.level")), "write": calls("atMost", json!("%%root.level")) } }, "additional_fields": { "read": true, "write": true } }),
            ),
            of_role(
                json!({ "read": null, "write": null, "fields": { "secret": { "read": { "%%root.level": { "%lte": 2 } }, "write": { "%%root.level": { "%lte": 2 } } } }, "additional_fields": { "read": true, "write": true } }),
            ),
        ),
        (
            "insert",
            of_role(json!({ "insert": calls("atMost", json!("%%root.level")) })),
            of_role(json!({ "insert": { "%%root.level": { "%lte": 2 } } })),
        ),
        (
            "delete",
            of_role(json!({ "delete": calls("atMost", json!("%%root.level")) })),
            of_role(json!({ "delete": { "%%root.level": { "%lte": 2 } } })),
        ),
    ];
    let mut differing = Vec::new();
    for (name, with_function, with_answer) in pairs {
        let found = answers(&format!("{name}-f"), &with_function).await;
        let wanted = answers(&format!("{name}-a"), &with_answer).await;
        for (found, wanted) in found.iter().zip(&wanted) {
            if found != wanted {
                differing.push(format!("{name}\n  with the function: {found}\n  with its answer:   {wanted}"));
            }
        }
    }
    assert!(differing.is_empty(), "{} differ\n{}", differing.len(), differing.join("\n"));
}

/// A function that fails grants nothing.
#[tokio::test]
async fn a_failing_function_denies_in_any_part_of_the_rules() {
    let failing = calls("never", json!(1));
    for (name, rules) in [
        ("failing-filter", of_filter(failing.clone(), json!({}))),
        ("failing-role", of_role(json!({ "apply_when": failing.clone() }))),
        (
            "failing-documents",
            of_role(json!({ "document_filters": { "read": failing.clone(), "write": failing.clone() } })),
        ),
        (
            "failing-read",
            of_role(
                json!({ "read": failing.clone(), "write": failing.clone(), "insert": failing.clone(), "delete": failing.clone() }),
            ),
        ),
    ] {
        let world = World::new(name, &rules).await;
        let before = world.all().await;
        for (action, options) in actions() {
            let answer = world.act(action, options).await;
            if let Err(error) = &answer {
                // Which filters apply is decided for the request as a whole, independently of any document, so the
                // request may fail.
                assert!(name == "failing-filter" || !error.contains("Internal"), "{name}: {action:?}: {error}");
            }
            if matches!(action, Action::Find | Action::FindOne | Action::Count | Action::Distinct | Action::Aggregate) {
                let empty = [Ok(bson!([])), Ok(Bson::Null), Ok(Bson::Int64(0))];
                assert!(answer.is_err() || empty.contains(&answer), "{name}: {action:?}: {answer:?}");
            }
            assert_eq!(world.all().await, before, "{name}: {action:?}");
        }
    }
}
