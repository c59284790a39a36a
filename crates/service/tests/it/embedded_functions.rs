//! Functions on the embedded store, where an open transaction blocks all other writers and the time may be frozen.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, DateTime, bson};
use portcullis::app::Secrets;
use portcullis::{App, User};
use portcullis_functions::{Call, Entry, Options};
use portcullis_service::{Trial, TrialContent};
use serde_json::{Value, json};

/// The directory of an application with a data source and rules for the collection `db.c`. It is deleted on drop.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, functions: &[(&str, Value, &str)], apply_when: &Value) -> Self {
        let place = Self(std::env::temp_dir().join(format!("portcullis-transactions-{}-{name}", std::process::id())));
        let mut manifest = Vec::new();
        for (name, settings, source) in functions {
            place.write(&format!("functions/{name}.js"), source);
            let mut settings = settings.clone();
            settings["name"] = json!(name);
            manifest.push(settings);
        }
        place.write("functions/config.json", &Value::from(manifest).to_string());
        place.write("realm_config.json", r#"{"name": "app", "app_id": "app-abcde"}"#);
        let source = json!({ "name": "mongodb-atlas", "type": "mongodb-atlas" });
        place.write("data_sources/mongodb-atlas/config.json", &source.to_string());
        let role = json!({
            "name": "all", "apply_when": apply_when, "read": true, "write": true, "insert": true, "delete": true, "search": true,
        });
        let rules = json!({ "database": "db", "collection": "c", "roles": [role], "filters": [] });
        place.write("data_sources/mongodb-atlas/db/c/rules.json", &rules.to_string());
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    async fn open(&self) -> Trial {
        self.open_at(None).await
    }

    async fn open_at(&self, now: Option<DateTime>) -> Trial {
        let app = App::load(&self.0).unwrap();
        assert!(app.findings.is_empty(), "{:?}", app.findings);
        let mut options = Options::default();
        // Shorter than the limit of a transaction, so a call that waited for one to expire would exceed it.
        options.time = Duration::from_secs(8);
        options.prepared = 1;
        options.now = now;
        Trial::open(Arc::new(app), Secrets::default(), TrialContent::default(), options).await.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn call(trial: &Trial, name: &str) -> Bson {
    let called = trial.functions().call(Call::new(name, Vec::new(), Entry::Client, User::new("ada"))).await;
    called.unwrap_or_else(|error| panic!("{error}")).value
}

const FORGETS: &str = r#"
exports = async () => {
  const atlas = context.services.get("mongodb-atlas"), c = atlas.db("db").collection("c"), told = [];
  const session = atlas.startSession(), other = atlas.startSession();
  await session.withTransaction(async () => {
    await c.insertOne({ _id: 1 }, { session });
    try { await c.insertOne({ _id: 2 }); } catch (e) { told.push(e.message); }
    other.startTransaction();
    try { await c.insertOne({ _id: 3 }, { session: other }); } catch (e) { told.push(e.message); }
    await c.insertOne({ _id: 4 }, { session });
  });
  await c.insertOne({ _id: 5 });
  return told;
};"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_blocked_by_the_functions_own_transaction_fails_immediately() {
    let place = Place::new("forgets", &[("forgets", json!({}), FORGETS)], &json!({}));
    let trial = place.open().await;
    let told = call(&trial, "forgets").await;
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    for told in told {
        assert!(told.as_str().unwrap().contains("pass `{ session }`, or end the transaction first"), "{told}");
    }
    let ids: Vec<i64> = trial.documents("db.c").await.unwrap().iter().map(|one| one.get_i64("_id").unwrap()).collect();
    assert_eq!(ids, [1, 4, 5]);
}

const UNSUPPORTED: &str = r#"
exports = async () => {
  const c = context.services.get("mongodb-atlas").db("db").collection("c"), told = [];
  const pipelines = [[{ $facet: { a: [] } }], [{ $out: "d" }], [{ $project: { a: { $rand: {} } } }]];
  for (const pipeline of pipelines) try { await c.aggregate(pipeline).toArray(); } catch (e) { told.push(e.message); }
  return told;
};"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_is_told_what_the_embedded_store_does_not_support() {
    let functions = [("own", json!({ "run_as_system": true }), UNSUPPORTED), ("users", json!({}), UNSUPPORTED)];
    let place = Place::new("unsupported", &functions, &json!({}));
    let trial = place.open().await;
    assert_eq!(
        call(&trial, "own").await,
        bson!([
            "`$facet` is not supported in a pipeline on the embedded store",
            "`$out` is not supported in a pipeline on the embedded store",
            "`$rand` is not supported in an expression on the embedded store"
        ])
    );
    let told = call(&trial, "users").await;
    assert!(told.as_array().unwrap().iter().all(|told| !told.to_string().contains("embedded store")), "{told}");
}

const BEGINS: &str = r#"
exports = async () => {
  const atlas = context.services.get("mongodb-atlas"), c = atlas.db("db").collection("c");
  const session = atlas.startSession(), other = atlas.startSession();
  session.startTransaction();
  other.startTransaction();
  await c.insertOne({ _id: 1 });
  const seen = await c.countDocuments({}, { session });
  await c.insertOne({ _id: 2 }, { session });
  await session.commitTransaction();
  await c.insertOne({ _id: 3 });
  return [seen, await c.countDocuments({}, { session: other })];
};"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_without_operations_blocks_nothing() {
    let place = Place::new("begins", &[("begins", json!({}), BEGINS)], &json!({}));
    let trial = place.open().await;
    assert_eq!(call(&trial, "begins").await, bson!([1_i64, 3_i64]));
}

const NOTES: &str = r#"
exports = async () => {
  await context.services.get("mongodb-atlas").db("db").collection("log").insertOne({ by: "rule" });
  return true;
};"#;

const INSERTS: &str = r#"
exports = async () => {
  const atlas = context.services.get("mongodb-atlas"), c = atlas.db("db").collection("c");
  const session = atlas.startSession();
  let told;
  session.startTransaction();
  try { await c.insertOne({ _id: 1 }, { session }); } catch (e) { told = e.message; }
  await session.abortTransaction();
  await c.insertOne({ _id: 2 });
  return told;
};"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_called_by_a_rule_is_not_blocked_by_the_enclosing_transaction() {
    let functions = [("notes", json!({ "run_as_system": true }), NOTES), ("inserts", json!({}), INSERTS)];
    let when = json!({ "%%true": { "%function": { "name": "notes", "arguments": [] } } });
    let place = Place::new("rule", &functions, &when);
    let trial = place.open().await;
    // The rule cannot be decided, so it does not grant.
    let told = call(&trial, "inserts").await;
    assert!(told.as_str().is_some_and(|told| !told.contains("time limit")), "{told}");
    let of = async |collection: &str| trial.documents(collection).await.unwrap().len();
    assert_eq!((of("db.c").await, of("db.log").await), (1, 1));
}

const MAKES: &str = r#"
exports = async () => {
  const c = context.services.get("mongodb-atlas").db("db").collection("c");
  const { insertedId } = await c.insertOne({});
  const { upsertedId } = await c.updateOne({ n: 1 }, { $currentDate: { at: true } }, { upsert: true });
  return [insertedId.getTimestamp(), upsertedId.getTimestamp(), (await c.findOne({ n: 1 })).at];
};"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_ids_and_dates_of_the_store_use_the_frozen_time() {
    let place = Place::new("makes", &[("makes", json!({}), MAKES)], &json!({}));
    let now = DateTime::from_millis(1_000_000_000_000);
    let trial = place.open_at(Some(now)).await;
    assert_eq!(call(&trial, "makes").await, bson!([now, now, now]));
}
