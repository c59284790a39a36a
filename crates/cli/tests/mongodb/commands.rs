//! The commands about documents, on a server.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use bson::{Document, doc};
use serde_json::{Value, json};

use crate::check;
use portcullis_testkit::mongodb::World;

fn document(json: &Value) -> Document {
    portcullis::json::to_document(&portcullis::json::parse(&json.to_string()).unwrap()).unwrap()
}

struct Said {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    /// The first names in the documents, one to a line.
    fn names(&self) -> Vec<String> {
        let lines = self.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["name"]["first"].as_str().unwrap().to_owned()).collect()
    }
}

fn find(world: &World, user: &str, more: &[&str]) -> Said {
    let user = format!("fixtures/apps/employees/example/{user}.json");
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["find", "hr.employees", "--app", "fixtures/apps/employees", "--user", &user, "--store", &world.uri])
        .args(more)
        .env_remove("PORTCULLIS_MONGODB_URI")
        .current_dir(portcullis_testkit::root())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub(crate) async fn query_returns_only_what_the_user_may_read(world: World) {
    let text = include_str!("../../../../fixtures/apps/employees/example/employees.json");
    let employees: Vec<Value> = serde_json::from_str(text).unwrap();
    let collection = world.client.database("hr").collection::<Document>("employees");
    collection.drop().await.unwrap();
    collection.insert_many(employees.iter().map(document)).await.unwrap();

    let well_paid = r#"{"salary": {"$gt": 4500}}"#;
    let ken = find(&world, "ken", &["--filter", well_paid, "--sort", r#"{"name.first": -1}"#]);
    assert_eq!((ken.exit, ken.names()), (0, vec!["Ken".to_owned(), "Ada".to_owned()]), "{}", ken.stderr);
    assert!(!ken.stdout.contains("tax_id") && ken.stdout.contains("salary"));
    // She sees her colleagues, and of no one else what they are paid.
    let ada = find(&world, "ada", &["--sort", r#"{"name.first": 1}"#]);
    assert_eq!(ada.names(), ["Ada", "Ken"]);
    assert_eq!(find(&world, "ada", &["--filter", well_paid]).names(), ["Ada"]);
    let part = find(&world, "ada", &["--sort", r#"{"salary": 1}"#, "--limit", "1", "--projection", r#"{"name": 1}"#]);
    assert_eq!(part.names(), ["Ken"]);
    let none = find(&world, "ada", &["--filter", r#"{"tax_id": {"$exists": true}}"#, "--json"]);
    assert_eq!((none.exit, serde_json::from_str::<Value>(&none.stdout).unwrap()), (1, json!({"documents": []})));

    let refused = find(&world, "ada", &["--filter", r#"{"$where": "this.salary > 1"}"#]);
    assert!(refused.exit == 2 && refused.stderr.contains("`$where` is not supported"), "{}", refused.stderr);
    assert!(refused.stderr.contains("<--filter>:1:2"), "{}", refused.stderr);
    collection.drop().await.unwrap();
}

/// The same cases as on a file, one after the other.
pub(crate) async fn document_commands_match_their_fixtures(world: World) {
    let database = world.client.database("notes");
    database.drop().await.unwrap();
    let cases =
        check(include_str!("../../../../fixtures/cli/documents.json"), Some(("PORTCULLIS_STORE", world.uri.as_ref())));
    let reads =
        check(include_str!("../../../../fixtures/cli/reads.json"), Some(("PORTCULLIS_STORE", world.uri.as_ref())));
    database.drop().await.unwrap();
    assert!(cases > 20 && reads > 20, "the fixture lost its cases");
}

pub(crate) async fn watch_shows_changes_as_the_user_may_read_them(world: World) {
    let database = &world.database;
    let images = doc! { "create": "watched", "changeStreamPreAndPostImages": { "enabled": true } };
    database.run_command(images).await.unwrap();
    let rules =
        r#"{"roles": [{"name": "r", "apply_when": {}, "fields": {"_id": {"read": true}, "name": {"read": true}}}]}"#;
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["watch", &format!("{}.watched", database.name()), "--rules", rules, "--user", r#"{"id": "u1"}"#])
        .args(["--limit", "3", "--seconds", "60", "--json", "--store", &world.uri])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || stdout.read_to_string(&mut said).map(|_| said));
    let collection = database.collection::<Document>("watched");
    // It has begun when it tells of the first of these; the others are the same to it.
    let mut number = 0;
    while !reading.is_finished() {
        number += 1;
        let id = doc! { "_id": number };
        collection.insert_one(doc! { "_id": number, "name": "Ada", "salary": 1 }).await.unwrap();
        collection.update_one(id.clone(), doc! { "$set": { "salary": 2 } }).await.unwrap();
        collection.delete_one(id).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said: Value = serde_json::from_str(&reading.join().unwrap().unwrap()).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    let changes = said["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3);
    for change in changes {
        let is_insert = change["inserted"]["name"] == "Ada" && change["inserted"].as_object().unwrap().len() == 2;
        assert!(is_insert || change["deleted"]["_id"].is_i64(), "{change}");
    }
}
