//! The commands for users and tokens, one after the other as somebody would type them, with everything in files.

use std::fs;
use std::path::PathBuf;

use expect_test::expect;
use serde_json::{Value, json};

use crate::command_output::CommandOutput;
use crate::state::{AGE, APP, KEN, LOGIN, State, example};

#[test]
fn a_token_decides_until_its_session_is_revoked() {
    let state = State::new("story");
    let documents = state.path("hr.users.json");
    fs::copy(portcullis_testkit::root().join(example("hr.users.json")), &documents).unwrap();
    let tokens = state.log_in(&documents);

    let ada = example("ada-employee.json");
    let decide = ["decide", "read", &ada, "--app", APP, "--in", "hr.employees", "--token", &tokens, "--explain"];
    let before = state.run(&decide).redacted_after(&AGE);
    before.is(&expect![[r#"
        exit: 0
        stdout:
        allowed as `Manager`
        {
          "_id": { "$oid": "65b000000000000000000001" },
          "user_id": "65a0000000000000000000a1",
          "name": { "first": "Ada", "last": "Brandt" },
          "email": "ada@example.com",
          "department": "Engineering",
          "title": "Engineer",
          "site": "Bremen",
          "active": true,
          "hired_at": { "$date": "2021-03-01T00:00:00Z" },
          "salary": 5000,
          "notes": ["Ask about the harbour project"],
          "goals": [
            { "title": "Ship the ferry planner", "done": false, "rating": 3 },
            { "title": "Teach Rust", "done": true, "rating": 5 }
          ]
        }
          user: from the access token, <redacted>
          true    filter Only people who work here: apply_when: not
            false   {"%%user.custom_data.role":"hr"}
                      left: "manager"   right: "hr"
          true    filter Only people who work here: query: all of
            true    {"active":true}
                      left: true   right: true
            true    {"site":{"$in":"%%values.openSites"}}
                      left: "Bremen"   right: ["Bremen", "Kiel"]
          true    filter Tax numbers stay with Human Resources: apply_when: not
            false   {"%%user.custom_data.role":"hr"}
                      left: "manager"   right: "hr"
          true    filter Tax numbers stay with Human Resources: query: constant
          false   role `Human Resources`: apply_when: all of
            false   {"%%user.custom_data.role":"hr"}
                      left: "manager"   right: "hr"
            true    {"%%user.custom_data.organisation":"harbour"}
                      left: "harbour"   right: "harbour"
          true    role `Manager`: apply_when: all of
            true    {"%%user.custom_data.role":"manager"}
                      left: "manager"   right: "manager"
            true    {"email":"%%user.custom_data.manages"}
                      left: "ada@example.com"   right: ["ada@example.com","tom@example.com"]
            true    document_filters.read: constant
            true    document_filters.write: {"department":"%%user.custom_data.department"}
                      left: "Engineering"   right: "Engineering"
            true    fields._id.read: constant
            true    fields.user_id.read: constant
            true    fields.name.read: constant
            true    fields.email.read: constant
            true    fields.department.read: constant
            true    fields.title.read: constant
            true    fields.site.read: constant
            true    fields.active.read: constant
            false   additional_fields (listed): there is no rule for it
            true    fields.hired_at.read: constant
            true    fields.salary.read: constant
            false   additional_fields (tax_id): there is no rule for it
            false   additional_fields (phone): there is no rule for it
            false   additional_fields (address): there is no rule for it
            true    fields.notes.read: constant
            true    fields.goals[0].title.read: constant
            true    fields.goals[1].title.read: constant
            true    fields.goals[0].done.read: constant
            true    fields.goals[1].done.read: constant
            true    fields.goals[0].rating.read: constant
            true    fields.goals[1].rating.read: constant
    "#]]);

    // Ken becomes an employee; his token does not know.
    let changed = fs::read_to_string(&documents).unwrap().replace("\"manager\"", "\"employee\"");
    fs::write(&documents, changed).unwrap();
    let data = ["--custom-data", documents.as_str()];
    assert_eq!(state.run(&decide).redacted_after(&AGE).to_string(), before.to_string());
    state.run(&[&decide[..], &["--fresh", "live"], &data].concat()).is(&expect![[r#"
        exit: 0
        stdout:
        allowed as `Colleague`
        {
          "name": { "first": "Ada", "last": "Brandt" },
          "email": "ada@example.com",
          "department": "Engineering",
          "title": "Engineer",
          "site": "Bremen"
        }
          user: looked up now
          true    filter Only people who work here: apply_when: not
            false   {"%%user.custom_data.role":"hr"}
                      left: "employee"   right: "hr"
          true    filter Only people who work here: query: all of
            true    {"active":true}
                      left: true   right: true
            true    {"site":{"$in":"%%values.openSites"}}
                      left: "Bremen"   right: ["Bremen", "Kiel"]
          true    filter Tax numbers stay with Human Resources: apply_when: not
            false   {"%%user.custom_data.role":"hr"}
                      left: "employee"   right: "hr"
          true    filter Tax numbers stay with Human Resources: query: constant
          false   role `Human Resources`: apply_when: all of
            false   {"%%user.custom_data.role":"hr"}
                      left: "employee"   right: "hr"
            true    {"%%user.custom_data.organisation":"harbour"}
                      left: "harbour"   right: "harbour"
          false   role `Manager`: apply_when: all of
            false   {"%%user.custom_data.role":"manager"}
                      left: "employee"   right: "manager"
            true    {"email":"%%user.custom_data.manages"}
                      left: "ada@example.com"   right: ["ada@example.com","tom@example.com"]
          false   role `Employee`: apply_when: {"user_id":"%%user.id"}
                    left: "65a0000000000000000000a1"   right: "65a0000000000000000000b2"
          true    role `Colleague`: apply_when: {"%%user.custom_data.department":{"$exists":true}}
                    left: "Engineering"
            true    document_filters.read: {"listed":true}
                      left: true   right: true
            false   document_filters.write: constant
            false   write: constant
            false   additional_fields (_id): there is no rule for it
            false   additional_fields (user_id): there is no rule for it
            true    fields.name.read: constant
            true    fields.email.read: constant
            true    fields.department.read: constant
            true    fields.title.read: constant
            true    fields.site.read: constant
            false   additional_fields (active): there is no rule for it
            false   additional_fields (listed): there is no rule for it
            false   additional_fields (hired_at): there is no rule for it
            false   additional_fields (salary): there is no rule for it
            false   additional_fields (tax_id): there is no rule for it
            false   additional_fields (phone): there is no rule for it
            false   additional_fields (address): there is no rule for it
            false   additional_fields (notes): there is no rule for it
            false   additional_fields (goals): there is no rule for it
    "#]]);
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
    state.run(&["token", "verify", access, "--app", APP, "--custom-data", &documents]).is(&expect![[r#"
        exit: 1
        stderr:
        error: invalid session: it has ended; log in again
    "#]]);
    state.run(&decide).is(&expect![[r#"
        exit: 1
        stderr:
        error: invalid session: it has ended; log in again
    "#]]);
}

/// As with `portcullis run`, custom data in the same store is found without naming a file or a server.
#[test]
fn custom_data_is_looked_up_in_the_store_of_users_and_documents() {
    let state = State::new("at-hand");
    let (users, data, file) = (example("exported-users.ndjson"), example("hr.users.json"), state.path("data.redb"));
    for store in [&[][..], &["--store", &file]] {
        let run = |arguments: &[&str]| state.json(&[arguments, store].concat());
        run(&["users", "import", &users, "--app", APP]);
        let user = ["user", "--id", KEN, "--app", APP];
        let given = run(&[&user[..], &["--custom-data", &data]].concat());
        run(&["import", "hr.users", &data]);
        run(&["import", "hr.employees", &example("employees.ndjson")]);
        assert_eq!(run(&user)["user"], given["user"], "{store:?}");
        assert!(given["user"]["custom_data"].is_object(), "{given}");
        let ken = format!(r#"{{"id": "{KEN}"}}"#);
        let find = ["find", "hr.employees", "--app", APP, "--user", &ken];
        let with_file = state.run(&[&find[..], store, &["--custom-data", &data]].concat());
        let found = state.run(&[&find[..], store].concat());
        assert_eq!(found.exit, 0, "{found}");
        assert_eq!(found.to_string(), with_file.to_string());
        assert!(!found.stderr.contains("not loaded"), "{found}");
    }
}

/// Whoever is `ken` to another application's identity provider is nobody here.
#[test]
fn applications_that_share_a_store_have_separate_users() {
    let state = State::new("apart");
    let data = example("hr.users.json");
    let tokens = state.log_in(&data);
    let other = |arguments: &[&str]| state.run(&[arguments, &["--application", "other"]].concat());
    other(&["users", "list"]).is(&expect![[r#"
        exit: 0
        stdout:
        there are no users
    "#]]);
    other(&["users", "delete", KEN]).is(&expect![[r#"
        exit: 1
        stdout:
        there is no user `65a0000000000000000000b2`
    "#]]);
    other(&["token", "revoke", "--user", KEN]).is(&expect![[r#"
        exit: 1
        stdout:
        0 sessions ended
        stderr:
        note: there is no user `65a0000000000000000000b2`
    "#]]);
    other(&["token", "verify", &tokens, "--app", APP]).is(&expect![[r#"
        exit: 1
        stderr:
        error: the token was issued for the application `employees`, not this one
    "#]]);
    assert_eq!(state.json(&["token", "verify", &tokens, "--app", APP])["user_id"], KEN);
}

#[test]
fn commands_require_an_application_id() {
    let state = State::new("nameless");
    let app = state.path("hr");
    fs::create_dir_all(&app).unwrap();
    let config = state.path("hr/realm_config.json");
    fs::write(&config, "{}").unwrap();
    let commands = [&["users", "list"][..], &["token", "verify", "ey.e.y"], &["token", "revoke", "--user", KEN]];
    CommandOutput::alike(commands.map(|arguments| state.run(&[arguments, &["--app", &app]].concat()))).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application in `<directory>/hr` has no ID, which keeps its users apart from those of other applications: write `app_id` or `name` into its file `realm_config.json`, or pass --application ID
    "#]]);
    fs::write(&config, "{\n  \"name\": \"hr\",,\n}").unwrap();
    state.run(&["token", "verify", "ey.e.y", "--app", &app]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application's own file, which has its id, does not load; --application ID gives it one
        error[json-syntax]: expected a key in double quotes, found `,`
          --> <directory>/hr/realm_config.json:2:16
          2 |   "name": "hr",,
            |                ^
    "#]]);
    state.run(&["users", "list", "--app", &state.path("nowhere")]).is(&expect![[r#"
        exit: 2
        stderr:
        error: no application given: the directory `<directory>/nowhere` cannot be read: No such file or directory (os error 2); pass --app DIR or --application ID
    "#]]);
}

#[test]
fn revoking_a_refreshed_token_ends_its_session() {
    let state = State::new("refreshed");
    let data = example("hr.users.json");
    let tokens = state.log_in(&data);
    let refreshed = state.json(&["token", "refresh", &tokens, "--app", APP, "--custom-data", &data]);
    let path = state.path("refreshed.json");
    fs::write(&path, refreshed.to_string()).unwrap();
    assert_eq!(state.json(&["token", "revoke", &path, "--app", APP])["ended"], 1);
}

#[test]
fn an_empty_file_of_custom_data_is_reported() {
    let state = State::new("empty");
    let path = state.path("empty.json");
    fs::write(&path, "").unwrap();
    let said = state.run(&[&LOGIN[..], &["--custom-data", &path]].concat());
    said.redacted_after(&["user:  ", "device:  ", "token: "]).is(&expect![[r#"
        exit: 0
        stdout:
        user:  <redacted>
        device:  <redacted>
        access token: <redacted>
        refresh token: <redacted>
        stderr:
        note: created signing key `<directory>/state/signing.key`; anyone who has it can issue tokens
        note: `<directory>/empty.json` is empty: no user has custom data
    "#]]);
}

#[test]
fn a_check_without_a_server_says_that_it_skipped_the_server() {
    let state = State::new("unseen");
    let check = ["check", "fixtures/apps/defaults", "--live", "--mongodb-uri", "mongodb://127.0.0.1:1/"];
    state.run(&check).is(&expect![[r#"
        exit: 0
        stdout:
        warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled (in `library.journals`, `library.maps`, `library.scores`)
          --> fixtures/apps/defaults/data_sources/mongodb-atlas/default_rule.json:3:44  (/roles/0/apply_when/%%user.custom_data.role)
          3 |     { "name": "Librarian", "apply_when": { "%%user.custom_data.role": "librarian" }, "read": true, "write": true },
            |                                            ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

        warning[roles-empty]: without roles the collection is closed to everyone
          --> fixtures/apps/defaults/data_sources/mongodb-atlas/library/vault/rules.json:1:58  (/roles)
          1 | { "database": "library", "collection": "vault", "roles": [] }
            |                                                          ^^ omit `roles` if the default roles should apply

        10 files: 0 errors, 2 warnings, 0 notes
        stderr:
        note: --live did not check the server for `fixtures/apps/defaults`: the application has no readable custom user data
        note: users were not counted for `fixtures/apps/defaults`: the application has no readable custom user data
    "#]]);
}

#[test]
fn the_server_is_not_queried_for_custom_data_that_is_not_configured() {
    let state = State::new("ambient");
    let ada = example("ada-employee.json");
    let app = "fixtures/apps/defaults";
    let decide = ["decide", "read", &ada, "--app", app, "--in", "hr.employees", "--user", r#"{"id": "u"}"#];
    let server = ["--mongodb-uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1"];
    state.run(&[&decide[..], &server].concat()).is(&expect![[r#"
        exit: 0
        stdout:
        allowed as `Visitor`
        {
          "_id": { "$oid": "65b000000000000000000001" },
          "user_id": "65a0000000000000000000a1",
          "name": { "first": "Ada", "last": "Brandt" },
          "email": "ada@example.com",
          "department": "Engineering",
          "title": "Engineer",
          "site": "Bremen",
          "active": true,
          "listed": true,
          "hired_at": { "$date": "2021-03-01T00:00:00Z" },
          "salary": 5000,
          "tax_id": "DE-4711",
          "phone": "+49 421 1000",
          "address": { "street": "Am Wall 1", "city": "Bremen", "zip": "28195", "country": "DE" },
          "notes": ["Ask about the harbour project"],
          "goals": [
            { "title": "Ship the ferry planner", "done": false, "rating": 3 },
            { "title": "Teach Rust", "done": true, "rating": 5 }
          ]
        }
        stderr:
        note: the application has no file for `hr.employees`
    "#]]);
    let data = example("hr.users.json");
    state.run(&[&decide[..], &["--custom-data", &data]].concat()).is(&expect![[r#"
        exit: 2
        stderr:
        note: the application has no file for `hr.employees`
        error: the application has no custom user data; omit --custom-data
    "#]]);
}

#[test]
fn sessions_are_revoked_without_a_key_and_an_application() {
    let state = State::new("keyless");
    state.log_in(&example("hr.users.json"));
    fs::remove_file(state.path("state/signing.key")).unwrap();
    assert_eq!(state.json(&["token", "revoke", "--user", KEN, "--application", "employees"])["ended"], 1);
    state.run(&["token", "revoke", "--user", KEN, "--application", "employees"]).is(&expect![[r#"
        exit: 1
        stdout:
        0 sessions ended
    "#]]);
    state.run(&["token", "revoke", "--user", "nope", "--application", "employees"]).is(&expect![[r#"
        exit: 1
        stdout:
        0 sessions ended
        stderr:
        note: there is no user `nope`
    "#]]);
}

#[test]
fn missing_files_are_named_with_a_fix() {
    let state = State::new("missing");
    let data = example("hr.users.json");
    state.run(&["users", "list", "--app", APP]).is(&expect![[r#"
        exit: 2
        stderr:
        error: no users yet: `<directory>/state/state.redb` does not exist; `portcullis login` and `portcullis users import` create it; --state and --mongodb-uri select another location
    "#]]);
    state.run(&["token", "verify", "ey.e.y", "--app", APP]).is(&expect![[r#"
        exit: 2
        stderr:
        error: no signing key yet: `<directory>/state/signing.key` does not exist; `portcullis login` creates it; --signing-key names another file
    "#]]);
    state.run(&LOGIN).is(&expect![[r#"
        exit: 2
        stderr:
        error: no custom data source given; pass --custom-data with a file or directory of documents, or --mongodb-uri
    "#]]);
    state.run(&["login", "nothing.jwt", "--app", APP, "--custom-data", &data]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the token is neither a JSON Web Token nor an existing file
    "#]]);
    let missing = state.path("nowhere.json");
    state.run(&[&LOGIN[..], &["--custom-data", &missing]].concat()).is(&expect![[r#"
        exit: 2
        stderr:
        note: created signing key `<directory>/state/signing.key`; anyone who has it can issue tokens
        error: cannot read the custom data: `<directory>/nowhere.json`: No such file or directory (os error 2)
    "#]]);
    state.run(&["login", "--anonymous", "--app", APP, "--custom-data", &data]).is(&expect![[r#"
        exit: 1
        stderr:
        error: anonymous login is disabled: enable the provider `anon-user`
    "#]]);
    let short = state.path("short.key");
    fs::write(&short, "secret").unwrap();
    let said = state.run(&[&LOGIN[..], &["--custom-data", &data, "--signing-key", &short]].concat());
    assert!(!said.stderr.contains("secret`"), "{said}");
    said.is(&expect![[r#"
        exit: 2
        stderr:
        error: the key `<directory>/short.key`: a signing key has 32 to 512 bytes, not 6
    "#]]);
}

#[test]
fn old_tokens_remain_valid_while_a_signing_key_is_replaced() {
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
fn triggers_are_listed_paused_resumed_and_run_on_deletions() {
    let state = State::new("triggers");
    let app = state.path("app");
    for (name, text) in [
        ("realm_config.json", r#"{"name": "a", "app_id": "a-bcdef"}"#),
        ("functions/config.json", r#"[{"name": "f"}]"#),
        ("functions/f.js", "exports = () => {};"),
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
    let before_anything_is_stored = state.json(&["triggers", "list", "--app", &app]);
    let users = state.path("users.json");
    let user = r#"{"_id": "65a0000000000000000000b2", "identities": [{"id": "x", "provider_type": "local-userpass"}]}"#;
    fs::write(&users, user).unwrap();
    state.json(&["users", "import", &users, "--app", &app]);
    assert_eq!(state.json(&["triggers", "list", "--app", &app]), before_anything_is_stored);

    let listed = state.json(&["triggers", "list", "--app", &app]);
    let of = |listed: &Value, name: &str| {
        listed["triggers"].as_array().unwrap().iter().find(|trigger| trigger["name"] == name).unwrap().clone()
    };
    // The next 29 February, whichever it is.
    let leap_day = of(&listed, "nightly")["next"].as_str().unwrap().to_owned();
    assert!(leap_day.ends_with("-02-29T00:00:00Z"), "{leap_day}");
    assert_eq!(of(&listed, "nightly")["state"], "enabled");
    assert_eq!(of(&listed, "off")["state"], "disabled");
    assert_eq!(of(&listed, "other")["state"], "refused");
    state.run(&["triggers", "list", "--app", &app]).redacted(&leap_day, "<leap day>").is(&expect![[r#"
        exit: 0
        stdout:
        gone  AUTHENTICATION  enabled  0 runs of `f`
        nightly  SCHEDULED  enabled  0 runs of `f`  next <leap day>
        off  SCHEDULED  disabled by its configuration
        other  cannot run: there is no function `g`
    "#]]);
    assert_eq!(of(&listed, "gone")["waiting"], 0);

    assert_eq!(state.json(&["triggers", "pause", "nightly", "--app", &app])["state"], "paused");
    let listed = state.json(&["triggers", "list", "--app", &app]);
    assert_eq!((&of(&listed, "nightly")["state"], &of(&listed, "nightly")["next"]), (&json!("paused"), &Value::Null));
    assert_eq!(state.json(&["triggers", "resume", "nightly", "--from-now", "--app", &app])["state"], "enabled");
    state.run(&["triggers", "pause", "nightl", "--app", &app]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application has no trigger `nightl`: did you mean `nightly`?
    "#]]);

    state.json(&["users", "delete", KEN, "--app", &app]);
    assert_eq!(of(&state.json(&["triggers", "list", "--app", &app]), "gone")["waiting"], 1);
    state.run(&["triggers", "list", "--app", &app]).redacted(&leap_day, "<leap day>").is(&expect![[r#"
        exit: 0
        stdout:
        gone  AUTHENTICATION  enabled  0 runs of `f`  1 event waiting
        nightly  SCHEDULED  enabled  0 runs of `f`  next <leap day>
        off  SCHEDULED  disabled by its configuration
        other  cannot run: there is no function `g`
    "#]]);
}
