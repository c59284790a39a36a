//! Commands that ask a server about logins, custom data and indexes.

use std::process::Command;

use bson::{Document, doc};
use mongodb::{Collection, IndexModel};
use serde_json::{Value, Value as Json, json};
use tokio::sync::Mutex;

use portcullis_testkit::mongodb::World;

/// Runs a command of ours, for its exit code and its JSON.
pub(crate) fn portcullis(world: &World, arguments: &[&str]) -> (i32, Value) {
    let state = std::env::temp_dir().join(format!("portcullis-{}-{}", world.database.name(), std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .arg("--json")
        .env("PORTCULLIS_STATE", &state)
        .env("PORTCULLIS_MONGODB_URI", &world.uri)
        .current_dir(portcullis_testkit::root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}")))
}

/// Held by the tests that use `hr.users`: the application names this collection, so they cannot have one each.
static USERS: Mutex<()> = Mutex::const_new(());

pub(crate) async fn commands_behave_the_same_on_a_server(world: World) {
    let _users = USERS.lock().await;
    const APP: [&str; 2] = ["--app", "fixtures/apps/employees"];
    const KEN: &str = "65a0000000000000000000b2";
    let ours = ["--mongodb-database", world.database.name()];
    let users = world.client.database("hr").collection::<Document>("users");
    users.delete_many(doc! {}).await.unwrap();
    let ken = doc! {
        "user_id": KEN, "role": "manager", "department": "Engineering", "organisation": "harbour",
        "email": "ken@example.com", "manages": ["ada@example.com"],
    };
    users.insert_one(ken).await.unwrap();

    let import =
        [&["users", "import", "fixtures/apps/employees/example/exported-users.ndjson"][..], &APP, &ours].concat();
    assert_eq!(portcullis(&world, &import).1["added"], 4);
    let jwks = ["--jwks", "fixtures/apps/employees/example/jwks.json"];
    let login = [&["login", "fixtures/apps/employees/example/ken.jwt"][..], &jwks, &APP, &ours].concat();
    let (_, tokens) = portcullis(&world, &login);
    assert_eq!(tokens["user_id"], KEN);
    let access = tokens["access_token"].as_str().unwrap();
    users.update_one(doc! {}, doc! { "$set": { "role": "employee" } }).await.unwrap();
    let role = |more: &[&str]| {
        let user = [&["user", "--token", access][..], &APP, &ours, more].concat();
        portcullis(&world, &user).1["user"]["custom_data"]["role"].clone()
    };
    assert_eq!((role(&[]), role(&["--fresh", "live"])), (json!("manager"), json!("employee")));

    let ada = "fixtures/apps/employees/example/ada-employee.json";
    let decide = [&["decide", "read", ada, "--in", "hr.employees", "--token", access][..], &APP, &ours].concat();
    let role = |more: &[&str]| portcullis(&world, &[&decide[..], more].concat()).1["decisions"][0]["role"].clone();
    assert_eq!((role(&[]), role(&["--fresh", "live"])), (json!("Manager"), json!("Colleague")));

    let (exit, checked) = portcullis(&world, &["check", APP[1], "--live"]);
    let codes: Vec<_> = checked["findings"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert!(exit == 0 && codes.contains(&&json!("custom-data-index-missing")), "{checked:#}");

    let revoke = [&["token", "revoke", "--user", KEN][..], &APP, &ours].concat();
    assert_eq!(portcullis(&world, &revoke).1["ended"], 1);
    assert_eq!(portcullis(&world, &decide).0, 1);
    users.drop().await.unwrap();
}

/// Both ways to name the server lead to the same users.
pub(crate) async fn users_are_administered_on_a_server(world: World) {
    let ours = ["--app", "fixtures/served/notes", "--mongodb-database", world.database.name()];
    let password = std::env::temp_dir().join(format!("portcullis-password-{}", std::process::id()));
    std::fs::write(&password, "a password").unwrap();
    let password = ["--password-file", password.to_str().unwrap()];
    let store = ["--store", world.uri.as_str()];
    let (exit, made) =
        portcullis(&world, &[&["users", "add", "ken@example.com"][..], &password, &ours, &store].concat());
    assert_eq!(exit, 0, "{made}");
    let listed = portcullis(&world, &[&["users", "list"][..], &ours].concat()).1;
    assert_eq!(listed["users"][0]["id"], made["user_id"]);
    assert_eq!(listed["users"][0]["last_login_at"], Json::Null);
    let set = [&["users", "set-password", "ken@example.com"][..], &password, &ours].concat();
    assert_eq!(portcullis(&world, &set), (0, json!({ "ended": 0, "disabled_keys": 0 })));
    let key = portcullis(&world, &[&["keys", "create", "reports"][..], &ours, &store].concat()).1;
    let keys = json!([{ "_id": key["_id"], "name": "reports", "disabled": false }]);
    assert_eq!(portcullis(&world, &[&["keys", "list"][..], &ours].concat()).1["keys"], keys);
    assert_eq!(portcullis(&world, &[&["keys", "delete", "reports"][..], &ours].concat()).0, 0);
    assert_eq!(portcullis(&world, &[&["keys", "list"][..], &ours, &store].concat()).1["keys"], json!([]));
    std::fs::remove_file(password[1]).unwrap();
}

pub(crate) async fn check_live_counts_users_without_each_field(world: World) {
    let _users = USERS.lock().await;
    let users = world.client.database("hr").collection::<Document>("users");
    users.drop().await.unwrap();
    let ids = ["a", "b", "c"];
    users.insert_many(ids.map(|id| doc! { "user_id": id, "site": "Bremen" })).await.unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["check", "fixtures/apps/employees", "--live", "--json", "--mongodb-uri", &world.uri])
        .current_dir(portcullis_testkit::root())
        .output()
        .unwrap();
    users.drop().await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let counted = &document["custom_data"][0];
    assert_eq!(counted["users"], 3, "{document}");
    let findings = document["findings"].as_array().unwrap();
    assert!(findings.iter().any(|found| found["code"] == "custom-data-lacked"), "{document}");
}

fn role(apply_when: &Json) -> Json {
    json!({ "roles": [{ "name": "R", "apply_when": apply_when, "read": true }] })
}

async fn fill(world: &World, name: &str) -> Collection<Document> {
    let collection = world.database.collection::<Document>(name);
    let documents = (0..500).map(|number| {
        let team = doc! { "id": format!("t{}", number % 40) };
        doc! { "_id": number, "owner": format!("u{}", number % 50), "members": [format!("u{number}"), "u0"], "teams": [team] }
    });
    collection.insert_many(documents).await.unwrap();
    collection
}

pub(crate) async fn explain_shows_the_index_used_by_the_server(world: World) {
    let collection = fill(&world, "documents").await;
    let namespace = format!("{}.documents", world.database.name());
    let rules = role(&json!({ "%or": [{ "owner": "%%user.id" }, { "members": "%%user.id" }] })).to_string();
    let command = ["query", &namespace, "--rules", &rules, "--user", r#"{"id": "u7"}"#, "--explain"];
    let explained = |exit_and_answer: (i32, Json)| {
        assert_eq!(exit_and_answer.0, 0, "{}", exit_and_answer.1);
        exit_and_answer.1["explanation"].clone()
    };
    let before = explained(portcullis(&world, &command));
    assert_eq!(before["index"], json!({ "uses": [], "reads_everything": true }));
    assert_eq!(before["indexes_wanted"], json!(["owner", "members"]));
    for field in ["owner", "members"] {
        collection.create_index(IndexModel::builder().keys(doc! { field: 1 }).build()).await.unwrap();
    }
    let after = explained(portcullis(&world, &command));
    assert_eq!(after["index"]["reads_everything"], json!(false), "{after}");
    assert_eq!(after["index"]["uses"].as_array().unwrap().len(), 2, "{after}");
}

pub(crate) async fn a_function_and_a_trigger_are_tried_on_a_server(world: World) {
    let ours = ["--app", "fixtures/served/club", "--store", &world.uri, "--mongodb-database", world.database.name()];
    let database = world.client.database("club");
    for name in ["courts", "bookings", "members"] {
        database.collection::<Document>(name).delete_many(doc! {}).await.unwrap();
    }
    database.collection("courts").insert_one(doc! { "_id": "A", "bookings": 0 }).await.unwrap();
    database
        .collection("members")
        .insert_one(doc! { "_id": 1, "user_id": "ken", "name": "ken", "level": 1 })
        .await
        .unwrap();
    let run = |arguments: &[&str]| {
        let (exit, said) = portcullis(&world, &[arguments, &ours].concat());
        assert_eq!(exit, 0, "{arguments:?}: {said}");
        said
    };
    // Custom data is looked up, and rules ask a function.
    let said = run(&["run", "book", "A", "2031-01-01", "--user", r#"{"id": "ken"}"#]);
    assert_eq!(
        (&said["result"]["price"]["$numberLong"], &said["console"][0]["text"]),
        (&json!("10"), &json!("ken booked A")),
        "{said}"
    );
    // The sample tells of the booking that is there.
    run(&["triggers", "run", "onBooking"]);
    let court = database.collection::<Document>("courts").find_one(doc! { "_id": "A" }).await.unwrap().unwrap();
    assert_eq!(bson::Bson::from(court).into_relaxed_extjson()["bookings"], 1);
    let said = run(&["triggers", "run", "nightly"]);
    assert_eq!(said["console"][0]["text"], "0 bookings are over");
    let listed = run(&["triggers", "list"]);
    assert_eq!(listed["triggers"].as_array().unwrap().len(), 3);
}
