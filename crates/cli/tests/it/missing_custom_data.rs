//! Nothing that was not looked up, was looked up in the wrong place, or was forgotten on the command line reads as "the
//! user has none".

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect;

use crate::command_output::CommandOutput;

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

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("PORTCULLIS_MONGODB_URI")
            .env_remove("PORTCULLIS_STORE")
            .output()
            .unwrap();
        CommandOutput::of(output)
    }

    fn decide(&self, more: &[&str]) -> CommandOutput {
        self.run(&[&["decide", "read", r#"{"a": 1}"#, "--app", "app", "--in", "db.things"][..], more].concat())
    }
}

#[test]
fn missing_custom_data_denies_and_suggests_how_to_supply_it() {
    for (name, roles, [blocked, unknown, explained, allowed]) in [
        (
            "blocked",
            BLOCKED_OUT,
            [
                expect![[r#"
                    exit: 1
                    stdout:
                    denied as `blocked`: the role's `read` does not hold
                "#]],
                expect![[r#"
                    exit: 1
                    stdout:
                    denied as `blocked`: a rule that decides could not be evaluated
                      error: the custom data of the user was not loaded (`%%user.custom_data`)
                    stderr:
                    note: the custom data of the user was not loaded (`%%user.custom_data`): with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's into the object of --user, `"custom_data": {…}`, or null if the user has none
                "#]],
                expect![[r#"
                    exit: 1
                    stdout:
                    denied as `blocked`: a rule that decides could not be evaluated
                      error: the custom data of the user was not loaded (`%%user.custom_data`)
                      error   role `blocked`: apply_when: {"%%user.custom_data.blocked":true}
                                left: not supplied: the custom data of the user was not loaded (`%%user.custom_data`)   right: true
                                error: the custom data of the user was not loaded (`%%user.custom_data`)
                    stderr:
                    note: the custom data of the user was not loaded (`%%user.custom_data`): with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's into the object of --user, `"custom_data": {…}`, or null if the user has none
                "#]],
                expect![[r#"
                    exit: 0
                    stdout:
                    allowed as `all`
                    { "a": 1 }
                "#]],
            ],
        ),
        (
            "not-blocked",
            NOT_BLOCKED,
            [
                expect![[r#"
                    exit: 1
                    stdout:
                    denied: no role applies
                "#]],
                expect![[r#"
                    exit: 1
                    stdout:
                    denied as `ok`: a rule that decides could not be evaluated
                      error: the custom data of the user was not loaded (`%%user.custom_data`)
                    stderr:
                    note: the custom data of the user was not loaded (`%%user.custom_data`): with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's into the object of --user, `"custom_data": {…}`, or null if the user has none
                "#]],
                expect![[r#"
                    exit: 1
                    stdout:
                    denied as `ok`: a rule that decides could not be evaluated
                      error: the custom data of the user was not loaded (`%%user.custom_data`)
                      error   role `ok`: apply_when: not
                        error   {"%%user.custom_data.blocked":{"$eq":true}}
                                  left: not supplied: the custom data of the user was not loaded (`%%user.custom_data`)   right: true
                                  error: the custom data of the user was not loaded (`%%user.custom_data`)
                    stderr:
                    note: the custom data of the user was not loaded (`%%user.custom_data`): with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's into the object of --user, `"custom_data": {…}`, or null if the user has none
                "#]],
                expect![[r#"
                    exit: 0
                    stdout:
                    allowed as `ok`
                    { "a": 1 }
                "#]],
            ],
        ),
    ] {
        let world = World::new(name, roles);
        world.decide(&[&U1[..], &["--custom-data", "profiles.json"]].concat()).is(&blocked);
        world.decide(&U1).is(&unknown);
        world.decide(&[&U1[..], &["--explain"]].concat()).is(&explained);
        let without = world.decide(&["--user", r#"{"id": "u1", "custom_data": null}"#]);
        let of_another = world.decide(&["--user", r#"{"id": "u2"}"#, "--custom-data", "profiles.json"]);
        // An application without custom data: nobody has any.
        world.configure(false);
        let disabled = world.decide(&U1);
        fs::remove_file(world.0.join("app/auth/custom_user_data.json")).unwrap();
        CommandOutput::alike([without, of_another, disabled, world.decide(&U1)]).is(&allowed);
    }
    let queries = [("query-blocked", BLOCKED_OUT), ("query-not-blocked", NOT_BLOCKED)].map(|(name, roles)| {
        let world = World::new(name, roles);
        world.run(&["query", "db.things", "--app", "app", "--user", r#"{"id": "u1"}"#])
    });
    CommandOutput::alike(queries).is(&expect![[r#"
        exit: 2
        stderr:
        error: the rules need input that was not supplied: the custom data of the user was not loaded (`%%user.custom_data`): with an application pass --custom-data FILE, the documents of its collection of custom data; or write the user's into the object of --user, `"custom_data": {…}`, or null if the user has none
    "#]]);
}

#[test]
fn custom_data_from_the_wrong_file_is_an_error() {
    let world = World::new("wrong-place", NOT_BLOCKED);
    let with = |path: &'static str| [&U1[..], &["--custom-data", path]].concat();
    world.decide(&with("wrong.json")).is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read the custom data: none of the documents has the field `uid` with a string or an ObjectId as the user ID: `wrong.json`
    "#]]);
    world.decide(&with("app")).is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read the custom data: the directory `app` contains no file for the collection `db.users`: name it after the collection, with the ending .json, .jsonl or .ndjson
    "#]]);
    world.write("folder/things.json", r#"{"uid": "u1"}"#);
    world.decide(&with("folder")).is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read the custom data: the directory `folder` contains no file for the collection `db.users`: name it after the collection, with the ending .json, .jsonl or .ndjson
    "#]]);
    world.write("folder/users.json", r#"{"uid": "u1", "blocked": true}"#);
    world.decide(&with("folder")).is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
    "#]]);
    world.write("empty.json", "");
    world.decide(&with("empty.json")).is(&expect![[r#"
        exit: 0
        stdout:
        allowed as `ok`
        { "a": 1 }
        stderr:
        note: `empty.json` is empty: no user has custom data
    "#]]);
    world.write("none.json", "[]");
    world.decide(&with("none.json")).is(&expect![[r#"
        exit: 0
        stdout:
        allowed as `ok`
        { "a": 1 }
        stderr:
        note: `none.json` is empty: no user has custom data
    "#]]);
    let no_ids = [r#"{"uid": 1, "blocked": true}"#, r#"{"uid": ["u1"], "blocked": true}"#, r#"{"uid": null}"#];
    let answers = no_ids.map(|no_id| {
        world.write("no-ids.json", no_id);
        world.decide(&with("no-ids.json"))
    });
    CommandOutput::alike(answers).is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read the custom data: none of the documents has the field `uid` with a string or an ObjectId as the user ID: `no-ids.json`
    "#]]);
    world.write("rules.json", &format!(r#"{{"roles": {NOT_BLOCKED}}}"#));
    let rules = ["decide", "read", "{}", "--rules", "rules.json", "--user", r#"{"id": "u1"}"#];
    world.run(&[&rules[..], &["--custom-data", "profiles.json"]].concat()).is(&expect![[r#"
        exit: 2
        stderr:
        error: --custom-data belongs to --app, which says which field of its documents holds the user's ID; with --rules write `"custom_data": {…}` into the object of --user
    "#]]);
}

#[test]
fn a_denial_for_lack_of_a_user_says_so() {
    let world = World::new("nobody", OWNER);
    world.decide(&[]).is(&expect![[r#"
        exit: 1
        stdout:
        denied as `owner`: a rule that decides could not be evaluated
          error: no user was supplied (`%%user`)
        stderr:
        note: no user was supplied (`%%user`): pass the user with --user '{"id": "…"}', or with --token if there is an application
    "#]]);
    world.decide(&["--explain"]).is(&expect![[r#"
        exit: 1
        stdout:
        denied as `owner`: a rule that decides could not be evaluated
          error: no user was supplied (`%%user`)
          error   role `owner`: apply_when: {"owner":"%%user.id"}
                    left: missing   right: not supplied: no user was supplied (`%%user`)
                    error: no user was supplied (`%%user`)
        stderr:
        note: no user was supplied (`%%user`): pass the user with --user '{"id": "…"}', or with --token if there is an application
    "#]]);
    let rules = ["--app", "app", "--store", "documents.redb"];
    let insert = ["insert", "db.things", r#"{"_id": 1, "owner": "u1"}"#, "--as-system"];
    let inserted = world.run(&[&insert[..], &rules].concat());
    assert_eq!(inserted.exit, 0, "{inserted}");
    let find = |user: &[&str]| world.run(&[&["find", "db.things"][..], &rules, user].concat());
    find(&[]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the rules need input that was not supplied: no user was supplied (`%%user`): pass the user with --user '{"id": "…"}', or with --token if there is an application
    "#]]);
    find(&U1).is(&expect![[r#"
        exit: 0
        stdout:
        {"_id":1,"owner":"u1"}
    "#]]);
    find(&["--user", r#"{"id": "u2"}"#]).is(&expect![[r#"
        exit: 1
    "#]]);
}

#[test]
fn a_user_object_that_is_given_is_never_the_system_user() {
    let world = World::new("system", r#"[{"name": "nobody", "apply_when": false, "read": true}]"#);
    world.decide(&["--user", r#"{"id": "s", "type": "system"}"#]).is(&expect![[r#"
        exit: 2
        stderr:
        error: --user: a user object cannot be the system user, who bypasses all rules; use --as-system instead of --user
    "#]]);
    world.decide(&["--as-system"]).is(&expect![[r#"
        exit: 0
        stdout:
        allowed
        { "a": 1 }
    "#]]);
    world.decide(&[&["--as-system"][..], &U1].concat()).is(&expect![[r#"
        exit: 2
        stderr:
        error: the argument '--as-system' cannot be used with '--user <JSON|FILE>'

        Usage: portcullis decide --app <DIR> --in <NAMESPACE> --as-system <OPERATION> <JSON|FILE|->...

        For more information, try '--help'.
    "#]]);
    world.run(&["eval", r#"{"%%user.type": "system"}"#, "--as-system"]).is(&expect![[r#"
        exit: 0
        stdout:
        true
    "#]]);
    let test = r#"{"rules": {"roles": []}, "users": {"s": {"id": "s", "type": "system"}},
        "cases": [{"name": "the system user", "user": "s", "read": {"a": 1}, "expect": {"document": {"a": 1}}}]}"#;
    world.write("test.json", test);
    world.run(&["test", "test.json"]).is(&expect![[r#"
        exit: 0
        stdout:
        1 passed, 0 failed
    "#]]);
}

#[test]
fn a_token_with_custom_data_says_which_one_applies() {
    let examples = portcullis_testkit::root().join("fixtures/apps/employees");
    let at = |path: &str| examples.join(path).display().to_string();
    let (app, jwks, token) = (at(""), at("example/jwks.json"), at("example/ken.jwt"));
    let (data, ada) = (at("example/hr.users.json"), at("example/ada-employee.json"));
    let world = World::new("token", OWNER);
    let login = ["login", &token, "--jwks", &jwks, "--app", &app, "--custom-data", &data, "--json"];
    let said = world.run(&login);
    assert_eq!(said.exit, 0, "{said}");
    world.write("login.json", &said.stdout);
    let decide = ["decide", "read", &ada, "--app", &app, "--in", "hr.employees", "--token", "login.json"];
    world.run(&[&decide[..], &["--custom-data", &data]].concat()).is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
        stderr:
        note: using the token's custom data; --custom-data only takes effect with `--fresh live` or `--fresh SECONDS`
    "#]]);
    world.run(&[&decide[..], &["--custom-data", &data, "--fresh", "live"]].concat()).is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
    "#]]);
}
