//! Nothing that was not looked up, was looked up in the wrong place, or was forgotten on the command line reads as "the
//! user has none".

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// An application whose custom data are in `db.users`, in a folder of its own.
struct World(PathBuf);

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const BLOCKED_OUT: &str = r#"[
    {"name": "blocked", "apply_when": {"%%user.custom_data.blocked": true}, "read": false},
    {"name": "all", "apply_when": {}, "read": true}
]"#;
const NOT_BLOCKED: &str =
    r#"[{"name": "ok", "apply_when": {"%%user.custom_data.blocked": {"$ne": true}}, "read": true}]"#;
const OWNER: &str = r#"[{"name": "owner", "apply_when": {"owner": "%%user.id"}, "read": true}]"#;
const U1: [&str; 2] = ["--user", r#"{"id": "u1"}"#];

impl World {
    fn new(name: &str, roles: &str) -> Self {
        let root = std::env::temp_dir().join(format!("portcullis-supplied-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let world = Self(root);
        world.write("app/realm_config.json", r#"{"config_version": 20210101, "name": "t", "app_id": "t"}"#);
        world.configure(true);
        let source = "app/data_sources/mongodb-atlas";
        world.write(
            &format!("{source}/config.json"),
            r#"{"name": "mongodb-atlas", "type": "mongodb-atlas", "config": {}}"#,
        );
        let rules = |collection: &str, roles: &str| {
            let text = format!(r#"{{"database": "db", "collection": "{collection}", "roles": {roles}}}"#);
            world.write(&format!("{source}/db/{collection}/rules.json"), &text);
        };
        rules("users", "[]");
        rules("things", roles);
        world.write("profiles.json", r#"{"_id": 1, "uid": "u1", "blocked": true}"#);
        world.write("wrong.json", r#"{"access_token": "x"}"#);
        world
    }

    fn configure(&self, enabled: bool) {
        let text = format!(
            r#"{{"enabled": {enabled}, "mongo_service_name": "mongodb-atlas", "database_name": "db",
                "collection_name": "users", "user_id_field": "uid"}}"#
        );
        self.write("app/auth/custom_user_data.json", &text);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Exit code, standard output and standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("PORTCULLIS_MONGODB_URI")
            .env_remove("PORTCULLIS_STORE")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn decide(&self, more: &[&str]) -> (i32, String, String) {
        self.run(&[&["decide", "read", r#"{"a": 1}"#, "--app", "app", "--in", "db.things"][..], more].concat())
    }

    #[track_caller]
    fn answers(&self, more: &[&str], exit: i32, said: &str, noted: &str) {
        let (code, stdout, stderr) = self.decide(more);
        assert!(code == exit && stdout.contains(said) && stderr.contains(noted), "{code}\n{stdout}\n{stderr}");
    }
}

#[test]
fn custom_data_that_were_not_supplied_deny_and_say_the_way_out() {
    for (name, roles) in [("blocked", BLOCKED_OUT), ("not-blocked", NOT_BLOCKED)] {
        let world = World::new(name, roles);
        world.answers(&[&U1[..], &["--custom-data", "profiles.json"]].concat(), 1, "denied", "");
        world.answers(&U1, 1, "error: the custom data of the user was not loaded", "pass --custom-data FILE");
        world.answers(&U1, 1, "denied", "pass --custom-data FILE");
        world.answers(&["--user", r#"{"id": "u1", "custom_data": null}"#], 0, "allowed", "");
        world.answers(&["--user", r#"{"id": "u2"}"#, "--custom-data", "profiles.json"], 0, "allowed", "");
        let said = world.decide(&[&U1[..], &["--explain"]].concat());
        assert!(said.1.contains("left: not supplied: the custom data"), "{}", said.1);
        let (code, _, stderr) = world.run(&["query", "db.things", "--app", "app", "--user", r#"{"id": "u1"}"#]);
        assert!(code == 2 && stderr.contains("pass --custom-data FILE"), "{stderr}");
        // An application without custom data: nobody has any.
        world.configure(false);
        world.answers(&U1, 0, "allowed", "");
        fs::remove_file(world.0.join("app/auth/custom_user_data.json")).unwrap();
        world.answers(&U1, 0, "allowed", "");
    }
}

#[test]
fn custom_data_looked_up_in_the_wrong_place_are_an_error() {
    let world = World::new("wrong-place", NOT_BLOCKED);
    let with = |path: &'static str| [&U1[..], &["--custom-data", path]].concat();
    world.answers(&with("wrong.json"), 2, "", "none of the documents has the field `uid`");
    world.answers(&with("app"), 2, "", "no file for the collection `db.users`");
    world.write("folder/things.json", r#"{"uid": "u1"}"#);
    world.answers(&with("folder"), 2, "", "no file for the collection `db.users`");
    world.write("folder/users.json", r#"{"uid": "u1", "blocked": true}"#);
    world.answers(&with("folder"), 1, "denied", "");
    world.write("empty.json", "");
    world.answers(&with("empty.json"), 0, "allowed", "is empty: no user has custom data");
    world.write("none.json", "[]");
    world.answers(&with("none.json"), 0, "allowed", "is empty: no user has custom data");
    for no_id in [r#"{"uid": 1, "blocked": true}"#, r#"{"uid": ["u1"], "blocked": true}"#, r#"{"uid": null}"#] {
        world.write("no-ids.json", no_id);
        world.answers(
            &with("no-ids.json"),
            2,
            "",
            "none of the documents has the field `uid` with a string or an ObjectId",
        );
    }
    world.write("rules.json", &format!(r#"{{"roles": {NOT_BLOCKED}}}"#));
    let rules = ["decide", "read", "{}", "--rules", "rules.json", "--user", r#"{"id": "u1"}"#];
    let (code, _, stderr) = world.run(&[&rules[..], &["--custom-data", "profiles.json"]].concat());
    assert!(code == 2 && stderr.contains("--custom-data belongs to --app"), "{stderr}");
}

#[test]
fn a_denial_for_want_of_a_user_says_so() {
    let world = World::new("nobody", OWNER);
    world.answers(&[], 1, "error: no user was supplied", "pass the user with --user");
    let (_, stdout, _) = world.decide(&["--explain"]);
    assert!(stdout.contains("not supplied: no user was supplied"), "{stdout}");
    let rules = ["--app", "app", "--store", "documents.redb"];
    let insert = ["insert", "db.things", r#"{"_id": 1, "owner": "u1"}"#, "--as-system"];
    let (code, _, stderr) = world.run(&[&insert[..], &rules].concat());
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, stderr) = world.run(&[&["find", "db.things"][..], &rules].concat());
    assert!(code == 2 && stdout.is_empty() && stderr.contains("no user was supplied"), "{code} {stdout} {stderr}");
    assert!(stderr.contains("--user '{\"id\""), "{stderr}");
    let (code, stdout, _) = world.run(&[&["find", "db.things"][..], &rules, &U1].concat());
    assert!(code == 0 && stdout.contains("u1"), "{stdout}");
    let (code, _, stderr) = world.run(&[&["find", "db.things"][..], &rules, &["--user", r#"{"id": "u2"}"#]].concat());
    assert_eq!(code, 1, "{stderr}");
}

#[test]
fn a_user_object_that_is_read_is_not_the_system_user() {
    let world = World::new("system", r#"[{"name": "nobody", "apply_when": false, "read": true}]"#);
    world.answers(&["--user", r#"{"id": "s", "type": "system"}"#], 2, "", "use --as-system");
    world.answers(&["--as-system"], 0, "allowed", "");
    world.answers(&[&["--as-system"][..], &U1].concat(), 2, "", "--user");
    let (code, stdout, _) = world.run(&["eval", r#"{"%%user.type": "system"}"#, "--as-system"]);
    assert!(code == 0 && stdout.contains("true"), "{stdout}");
    let test = r#"{"rules": {"roles": []}, "users": {"s": {"id": "s", "type": "system"}},
        "cases": [{"name": "the system user", "user": "s", "read": {"a": 1}, "expect": {"document": {"a": 1}}}]}"#;
    world.write("test.json", test);
    assert_eq!(world.run(&["test", "test.json"]).0, 0);
}

#[test]
fn a_token_and_custom_data_are_not_silent_about_which_counts() {
    let examples = portcullis_testkit::root().join("fixtures/apps/employees");
    let at = |path: &str| examples.join(path).display().to_string();
    let (app, jwks, token) = (at(""), at("example/jwks.json"), at("example/ken.jwt"));
    let (data, ada) = (at("example/hr.users.json"), at("example/ada-employee.json"));
    let world = World::new("token", OWNER);
    let login = ["login", &token, "--jwks", &jwks, "--app", &app, "--custom-data", &data, "--json"];
    let (code, stdout, stderr) = world.run(&login);
    assert_eq!(code, 0, "{stderr}");
    world.write("login.json", &stdout);
    let decide = ["decide", "read", &ada, "--app", &app, "--in", "hr.employees", "--token", "login.json"];
    let (code, _, stderr) = world.run(&[&decide[..], &["--custom-data", &data]].concat());
    assert!(code < 2 && stderr.contains("using the token's custom data"), "{stderr}");
    let (code, _, stderr) = world.run(&[&decide[..], &["--custom-data", &data, "--fresh", "live"]].concat());
    assert!(code < 2 && !stderr.contains("using the token's custom data"), "{stderr}");
}
