//! The commands for users and tokens, one after the other as somebody would type them, with everything in files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

const APP: &str = "fixtures/apps/employees";
const KEN: &str = "65a0000000000000000000b2";

/// A directory for users and keys, and the commands that use it.
pub(crate) struct State(PathBuf);

/// What a command said.
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl State {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-accounts-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in the directory.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A command that uses the directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(arguments)
            .env("PORTCULLIS_STATE", self.path("state"))
            .env_remove("PORTCULLIS_MONGODB_URI")
            .env_remove("PORTCULLIS_STORE")
            .current_dir(portcullis_testkit::root());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that must succeed, for its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.exit, 0, "{arguments:?}\n{}{}", said.stdout, said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Runs a command that must end so, for its JSON.
    pub(crate) fn json_of(&self, arguments: &[&str], exit: i32) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.exit, exit, "{arguments:?}\n{}{}", said.stdout, said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Runs a command that must end so, and say so.
    pub(crate) fn fails(&self, arguments: &[&str], exit: i32, text: &str) {
        let said = self.run(arguments);
        assert_eq!(said.exit, exit, "{arguments:?}\n{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(text), "no {text:?} in: {}", said.stderr);
    }

    /// Imports the exported users and logs Ken in; the file that then holds his tokens.
    fn log_in(&self, custom_data: &str) -> String {
        self.json(&["users", "import", &example("exported-users.ndjson"), "--app", APP]);
        let tokens = self.json(&[&LOGIN[..], &["--custom-data", custom_data]].concat());
        let path = self.path("login.json");
        fs::write(&path, tokens.to_string()).unwrap();
        path
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LOGIN: [&str; 6] = [
    "login",
    "fixtures/apps/employees/example/ken.jwt",
    "--app",
    APP,
    "--jwks",
    "fixtures/apps/employees/example/jwks.json",
];

fn example(name: &str) -> String {
    format!("{APP}/example/{name}")
}

#[test]
fn a_login_leads_to_a_decision_and_a_revoked_one_to_none() {
    let state = State::new("story");
    let documents = state.path("hr.users.json");
    fs::copy(portcullis_testkit::root().join(example("hr.users.json")), &documents).unwrap();
    let tokens = state.log_in(&documents);

    let ada = example("ada-employee.json");
    let decide = ["decide", "read", &ada, "--app", APP, "--in", "hr.employees", "--token", &tokens, "--explain"];
    let said = state.run(&decide);
    assert_eq!(said.exit, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("allowed as `Manager`"), "{}", said.stdout);
    assert!(said.stdout.contains("user: from the access token"), "{}", said.stdout);

    // Ken becomes an employee; his token does not know.
    let changed = fs::read_to_string(&documents).unwrap().replace("\"manager\"", "\"employee\"");
    fs::write(&documents, changed).unwrap();
    let data = ["--custom-data", documents.as_str()];
    assert!(state.run(&decide).stdout.contains("allowed as `Manager`"));
    let live = state.run(&[&decide[..], &["--fresh", "live"], &data].concat());
    assert!(!live.stdout.contains("Manager`\n") && live.stdout.contains("user: looked up now"), "{}", live.stdout);
    let user = state.json(&["user", "--token", &tokens, "--app", APP, "--custom-data", &documents]);
    assert_eq!(user["user"]["custom_data"]["role"], "manager");
    let user = state.json(&[&["user", "--id", KEN, "--app", APP], &data[..]].concat());
    assert_eq!((&user["user"]["custom_data"]["role"], &user["user"]["id"]), (&json!("employee"), &json!(KEN)));
    let refreshed = state.json(&[&["token", "refresh", &tokens, "--app", APP], &data[..]].concat());
    let access = refreshed["access_token"].as_str().unwrap();
    let user = state.json(&[&["user", "--token", access, "--app", APP], &data[..]].concat());
    assert_eq!(user["user"]["custom_data"]["role"], "employee");

    assert_eq!(state.json(&["token", "verify", &tokens, "--app", APP, "--custom-data", &documents])["user_id"], KEN);
    assert_eq!(state.json(&["token", "revoke", &tokens, "--app", APP, "--custom-data", &documents])["ended"], 1);
    state.fails(&["token", "verify", access, "--app", APP, "--custom-data", &documents], 1, "invalid session");
    state.fails(&decide, 1, "invalid session");
}

#[test]
fn users_are_imported_once_listed_disabled_and_deleted() {
    let state = State::new("users");
    let export = example("exported-users.ndjson");
    let import = ["users", "import", export.as_str(), "--app", APP];
    assert_eq!(
        state.json(&import),
        json!({ "added": 4, "unchanged": 0, "refused": [], "ignored": ["identities.provider_id"] })
    );
    assert_eq!(
        state.json(&import),
        json!({ "added": 0, "unchanged": 4, "refused": [], "ignored": ["identities.provider_id"] })
    );
    let listed = state.json(&["users", "list", "--app", APP]);
    let states: Vec<&str> =
        listed["users"].as_array().unwrap().iter().map(|user| user["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "active", "active", "disabled"]);
    assert_eq!(state.run(&["users", "disable", KEN, "nobody", "--app", APP]).exit, 1);
    let data = example("hr.users.json");
    state.fails(&[&LOGIN[..], &["--custom-data", &data]].concat(), 1, &format!("the user `{KEN}` is disabled"));
    assert_eq!(state.run(&["users", "enable", KEN, "--app", APP]).stdout, format!("enabled {KEN}\n"));
    state.json(&[&LOGIN[..], &["--custom-data", &data]].concat());
    assert_eq!(state.run(&["users", "delete", KEN, "--app", APP]).stdout, format!("deleted {KEN}\n"));
    assert_eq!(state.json(&["users", "list", "--app", APP])["users"].as_array().unwrap().len(), 3);
    assert_eq!(
        state.run(&["users", "delete", "--expired-anonymous", "--app", APP]).stdout,
        "deleted 0 anonymous users\n"
    );
}

#[test]
fn an_import_says_of_each_line_why_it_was_refused() {
    let state = State::new("import");
    let identity = r#""identities": [{"id": "a", "provider_type": "custom-token"}]"#;
    let lines = [
        format!(r#"{{"_id": "u1", {identity}}}"#),
        format!(r#"{{"_id": "u2", {identity}}}"#),
        r#"{"_id": "u3", "identities": []}"#.to_owned(),
        "{\"_id\": ".to_owned(),
        r#"{"_id": "u1", "identities": [{"id": "b", "provider_type": "custom-token"}]}"#.to_owned(),
        r#"{"_id": "u4", "type": "system", "identities": [{"id": "c", "provider_type": "custom-token"}]}"#.to_owned(),
        r#"{"_id": {"$oid": "65a0000000000000000000b2"}, "creation_date": {"$date": "2020-01-01T00:00:00Z"},
            "identities": [{"id": "d", "provider_type": "api-key", "data": {"n": 1}}]}"#
            .to_owned(),
    ];
    let path = state.path("users.ndjson");
    fs::write(&path, lines.join("\n")).unwrap();
    let said = state.run(&["users", "import", &path, "--app", APP]);
    assert_eq!(said.exit, 1);
    for text in [
        "line 2: the identity `a` of `custom-token`, of the user `u2`, belongs to another user",
        "line 3: the user has no identity",
        "line 4: ",
        "line 5: a different user with the ID `u1`",
        "line 6: the user's `type` must be",
        "2 users added, 0 unchanged, 5 refused",
    ] {
        assert!(said.stdout.contains(text), "no {text:?} in: {}", said.stdout);
    }
    state.fails(&["users", "import", &state.path("nothing"), "--app", APP], 2, "cannot read");
}

#[test]
fn a_user_without_a_date_is_imported_once() {
    let state = State::new("dateless");
    let path = state.path("users.ndjson");
    fs::write(
        &path,
        format!(r#"{{"_id": "{KEN}", "identities": [{{"id": "ken", "provider_type": "custom-token"}}]}}"#),
    )
    .unwrap();
    assert_eq!(state.json(&["users", "import", &path, "--app", APP])["added"], 1);
    assert_eq!(state.json(&["users", "import", &path, "--app", APP])["unchanged"], 1);
    assert_eq!(state.json(&["users", "list", "--app", APP])["users"][0]["created_at"], "2024-01-11T14:49:36Z");
}

#[test]
fn an_import_names_the_fields_that_mean_nothing() {
    let state = State::new("ignored");
    let path = state.path("users.ndjson");
    let user = r#"{"_id": "65a0000000000000000000b2", "disbled": true, "identities": [{"id": "ken", "provider_type": "custom-token", "provider_id": "5c"}]}"#;
    fs::write(&path, user).unwrap();
    let said = state.run(&["users", "import", &path, "--app", APP]);
    assert!(
        said.stderr.contains("ignored unknown user fields: `disbled`, `identities.provider_id`"),
        "{}",
        said.stderr
    );
    assert_eq!(
        state.json(&["users", "import", &path, "--app", APP])["ignored"],
        json!(["disbled", "identities.provider_id"])
    );
}

#[test]
fn an_array_of_users_is_told_how_to_become_lines() {
    let state = State::new("array");
    let path = state.path("users.json");
    fs::write(&path, r#"[{"_id": "u1", "identities": [{"id": "a", "provider_type": "custom-token"}]}]"#).unwrap();
    let said = state.run(&["users", "import", &path, "--app", APP]);
    assert!(said.exit == 1 && said.stdout.contains("`jq -c '.[]'`"), "{}{}", said.stdout, said.stderr);
}

/// Whoever is `ken` to another application's identity provider is nobody here.
#[test]
fn applications_that_share_a_store_have_their_own_users() {
    let state = State::new("apart");
    let data = example("hr.users.json");
    let tokens = state.log_in(&data);
    let other = |arguments: &[&str]| state.run(&[arguments, &["--application", "other"]].concat());
    let listed = other(&["users", "list"]);
    assert_eq!(listed.stdout, "there are no users\n", "{}", listed.stderr);
    assert_eq!(other(&["users", "delete", KEN]).exit, 1);
    assert_eq!(other(&["token", "revoke", "--user", KEN]).exit, 1);
    let refused = other(&["token", "verify", &tokens, "--app", APP]);
    assert!(
        refused.exit == 1 && refused.stderr.contains("issued for the application `employees`"),
        "{}",
        refused.stderr
    );
    assert_eq!(state.json(&["token", "verify", &tokens, "--app", APP])["user_id"], KEN);
}

#[test]
fn an_application_without_an_id_is_asked_for_one() {
    let state = State::new("nameless");
    let app = state.path("hr");
    fs::create_dir_all(&app).unwrap();
    let config = state.path("hr/realm_config.json");
    fs::write(&config, "{}").unwrap();
    for arguments in [&["users", "list"][..], &["token", "verify", "ey.e.y"], &["token", "revoke", "--user", KEN]] {
        state.fails(&[arguments, &["--app", &app]].concat(), 2, "pass --application ID");
    }
    fs::write(&config, "{\n  \"name\": \"hr\",,\n}").unwrap();
    state.fails(&["token", "verify", "ey.e.y", "--app", &app], 2, "realm_config.json:2:");
    state.fails(&["users", "list", "--app", &state.path("nowhere")], 2, "no application given");
}

#[test]
fn a_refreshed_token_ends_its_session() {
    let state = State::new("refreshed");
    let data = example("hr.users.json");
    let tokens = state.log_in(&data);
    let refreshed = state.json(&["token", "refresh", &tokens, "--app", APP, "--custom-data", &data]);
    let path = state.path("refreshed.json");
    fs::write(&path, refreshed.to_string()).unwrap();
    assert_eq!(state.json(&["token", "revoke", &path, "--app", APP])["ended"], 1);
}

#[test]
fn an_empty_file_of_custom_data_is_told() {
    let state = State::new("empty");
    let path = state.path("empty.json");
    fs::write(&path, "").unwrap();
    let said = state.run(&[&LOGIN[..], &["--custom-data", &path]].concat());
    assert!(said.stderr.contains("is empty: no user has custom data"), "{}", said.stderr);
}

#[test]
fn a_check_that_has_not_looked_at_the_server_says_so() {
    let state = State::new("unseen");
    let check = ["check", "fixtures/apps/defaults", "--live", "--mongodb-uri", "mongodb://127.0.0.1:1/"];
    let said = state.run(&check);
    assert!(said.stderr.contains("--live did not check the server"), "{}", said.stderr);
}

#[test]
fn the_collections_of_the_store_are_closed() {
    let state = State::new("ours");
    let server = ["--mongodb-uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1"];
    for name in ["portcullis.users", "portcullis.sessions"] {
        let decide = ["decide", "read", "{}", "--app", "fixtures/apps/defaults", "--in", name];
        state.fails(&[&decide[..], &server].concat(), 2, "is closed regardless of the rules");
        let rules = ["--rules", r#"{"roles": [{"name": "r", "apply_when": {}, "read": true}]}"#];
        state.fails(&[&["find", name][..], &rules, &server].concat(), 2, "is closed regardless of the rules");
        let store = ["--store", "mongodb://127.0.0.1:1/"];
        state.fails(
            &[&["find", name, "--app", "fixtures/apps/defaults"][..], &store].concat(),
            2,
            "is closed regardless of the rules",
        );
    }
    let login = [&LOGIN[..], &server, &["--mongodb-database", "hr"]].concat();
    state.fails(&login, 2, "`hr.users` is a collection of the application");
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let state = State::new("misplaced");
    let data = example("hr.users.json");
    for wrong in [
        &["--secrets", r#"{"harbourKey": "hunter2"}"#][..],
        &["--secrets", "hunter2"],
        &["--secret", "harbourKey=file:hunter2"],
        &["--secret", "harbourKey=env:hunter2"],
        &["--signing-key", "hunter2"],
        &["--state", "mongodb://ada:hunter2@localhost/"],
        &["--mongodb-database", "mongodb://ada:hunter2@localhost/"],
        &["--mongodb-uri", "mongodb://localhost:1", "--mongodb-database", "mongodb://ada:hunter2@localhost/"],
    ] {
        let said = state.run(&[&LOGIN[..], &["--custom-data", &data], wrong].concat());
        assert_eq!(said.exit, 2, "{wrong:?} {}{}", said.stdout, said.stderr);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
}

#[test]
fn a_connection_string_in_the_wrong_place_is_not_shown() {
    let state = State::new("uri");
    for uri in ["mongodb://ada:hunter2@localhost/", "mongodb+srv://ada:hunter2@localhost/"] {
        let said = state.run(&[&LOGIN[..], &["--custom-data", uri]].concat());
        assert_eq!(said.exit, 2, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("--mongodb-uri") && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
}

#[test]
fn a_server_that_is_named_for_all_commands_is_not_asked_for_custom_data_that_there_is_none_of() {
    let state = State::new("ambient");
    let ada = example("ada-employee.json");
    let app = "fixtures/apps/defaults";
    let said = state.run(&[
        "decide",
        "read",
        &ada,
        "--app",
        app,
        "--in",
        "hr.employees",
        "--user",
        r#"{"id": "u"}"#,
        "--mongodb-uri",
        "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1",
    ]);
    assert!(said.exit < 2, "{}{}", said.stdout, said.stderr);
    let data = example("hr.users.json");
    let decide = ["decide", "read", &ada, "--app", app, "--in", "hr.employees", "--user", r#"{"id": "u"}"#];
    state.fails(&[&decide[..], &["--custom-data", &data]].concat(), 2, "omit --custom-data");
}

#[test]
fn sessions_are_revoked_without_a_key_and_an_application() {
    let state = State::new("keyless");
    state.log_in(&example("hr.users.json"));
    fs::remove_file(state.path("state/signing.key")).unwrap();
    assert_eq!(state.json(&["token", "revoke", "--user", KEN, "--application", "employees"])["ended"], 1);
}

#[test]
fn what_is_missing_is_named_with_the_way_out() {
    let state = State::new("missing");
    let data = example("hr.users.json");
    state.fails(&["users", "list", "--app", APP], 2, "no users yet");
    state.fails(&["token", "verify", "ey.e.y", "--app", APP], 2, "no signing key yet");
    state.fails(&LOGIN, 2, "no custom data source given; pass --custom-data");
    state.fails(
        &["login", "nothing.jwt", "--app", APP, "--custom-data", &data],
        2,
        "neither a JSON Web Token nor an existing file",
    );
    let missing = state.path("nowhere.json");
    state.fails(&[&LOGIN[..], &["--custom-data", &missing]].concat(), 2, "nowhere.json");
    state.fails(&["login", "--anonymous", "--app", APP, "--custom-data", &data], 1, "anonymous login is disabled");
    let short = state.path("short.key");
    fs::write(&short, "secret").unwrap();
    let said = state.run(&[&LOGIN[..], &["--custom-data", &data, "--signing-key", &short]].concat());
    assert_eq!(said.exit, 2);
    assert!(said.stderr.contains("32") && !said.stderr.contains("secret`"), "{}", said.stderr);
}

#[test]
fn a_key_is_replaced_while_old_tokens_stay_good() {
    let state = State::new("rotation");
    let data = example("hr.users.json");
    let tokens = state.log_in(&data);
    let old = state.path("state/signing.key");
    let new = state.path("new.key");
    fs::write(&new, portcullis_testkit::keys::secret()).unwrap();
    let verify = |keys: &[&str]| {
        let mut arguments = vec!["token", "verify", tokens.as_str(), "--app", APP, "--custom-data", data.as_str()];
        keys.iter().for_each(|key| arguments.extend(["--signing-key", key]));
        state.run(&arguments).exit
    };
    assert_eq!(verify(&[&new, &old]), 0);
    assert_eq!(verify(&[&new]), 1);
    assert_eq!(verify(&[&old]), 0);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_keys_and_users() {
    use std::os::unix::fs::PermissionsExt;
    let state = State::new("mode");
    state.log_in(&example("hr.users.json"));
    let mode = |name: &str| fs::metadata(state.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/signing.key")), (0o700, 0o600));
    // Also in a directory that others can look into.
    assert_eq!(mode("state/state.redb"), 0o600);
}

#[test]
fn triggers_are_listed_paused_and_resumed_and_told_of_deletions() {
    let state = State::new("triggers");
    let app = state.path("app");
    for (name, text) in [
        ("realm_config.json", r#"{"name": "a", "app_id": "a-bcdef"}"#),
        ("functions/config.json", r#"[{"name": "f"}]"#),
        (
            "triggers/gone.json",
            r#"{"name": "gone", "type": "AUTHENTICATION", "function_name": "f", "config": {"operation_type": "DELETE"}}"#,
        ),
        (
            "triggers/nightly.json",
            r#"{"name": "nightly", "type": "SCHEDULED", "function_name": "f", "config": {"schedule": "0 0 29 2 *"}}"#,
        ),
        (
            "triggers/off.json",
            r#"{"name": "off", "type": "SCHEDULED", "disabled": true, "function_name": "f", "config": {"schedule": "0 0 * * *"}}"#,
        ),
        (
            "triggers/other.json",
            r#"{"name": "other", "type": "SCHEDULED", "function_name": "g", "config": {"schedule": "0 0 * * *"}}"#,
        ),
    ] {
        let path = PathBuf::from(&app).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let users = state.path("users.json");
    let user = r#"{"_id": "65a0000000000000000000b2", "identities": [{"id": "x", "provider_type": "local-userpass"}]}"#;
    fs::write(&users, user).unwrap();
    state.json(&["users", "import", &users, "--app", &app]);

    let listed = state.json(&["triggers", "list", "--app", &app]);
    let of = |listed: &Value, name: &str| {
        listed["triggers"].as_array().unwrap().iter().find(|trigger| trigger["name"] == name).unwrap().clone()
    };
    assert_eq!(of(&listed, "nightly")["state"], "enabled");
    assert!(of(&listed, "nightly")["next"].as_str().unwrap().ends_with("-02-29T00:00:00Z"));
    assert_eq!(of(&listed, "off")["state"], "disabled");
    assert_eq!(of(&listed, "other")["state"], "refused");
    assert!(of(&listed, "other")["reason"].as_str().unwrap().contains("no function `g`"));
    assert_eq!(of(&listed, "gone")["waiting"], 0);

    assert_eq!(state.json(&["triggers", "pause", "nightly", "--app", &app])["state"], "paused");
    let listed = state.json(&["triggers", "list", "--app", &app]);
    assert_eq!((&of(&listed, "nightly")["state"], &of(&listed, "nightly")["next"]), (&json!("paused"), &Value::Null));
    assert_eq!(state.json(&["triggers", "resume", "nightly", "--from-now", "--app", &app])["state"], "enabled");
    state.fails(&["triggers", "pause", "nightl", "--app", &app], 2, "did you mean `nightly`?");

    state.json(&["users", "delete", KEN, "--app", &app]);
    assert_eq!(of(&state.json(&["triggers", "list", "--app", &app]), "gone")["waiting"], 1);
    let said = state.run(&["triggers", "list", "--app", &app]);
    assert!(said.stdout.contains("gone  AUTHENTICATION  enabled  0 runs of `f`  1 event waiting"), "{}", said.stdout);
    assert!(said.stdout.contains("off  SCHEDULED  disabled by its configuration"), "{}", said.stdout);
}
