//! Imports of exported users, and what is reported for each line.

use std::fs;

use expect_test::expect;
use serde_json::json;

use crate::state::{APP, KEN, LOGIN, State, example};

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
    state.run(&["users", "list", "--app", APP]).is(&expect![[r#"
        exit: 0
        stdout:
        65a0000000000000000000a1  normal  active  last login 2025-01-01T00:00:00Z  custom-token:ada <ada@example.com>
        65a0000000000000000000b2  normal  active  last login 2025-01-01T00:00:00Z  custom-token:ken <ken@example.com> local-userpass:65a0000000000000000000bb <ken@example.com>
        65a0000000000000000000c3  normal  active  last login never  custom-token:hana <hana@example.com>
        65a0000000000000000000d4  normal  disabled  last login never  custom-token:tom <tom@example.com>
    "#]]);
    state.run(&["users", "disable", KEN, "nobody", "--app", APP]).is(&expect![[r#"
        exit: 1
        stdout:
        disabled 65a0000000000000000000b2
        there is no user `nobody`
    "#]]);
    let data = example("hr.users.json");
    state.run(&[&LOGIN[..], &["--custom-data", &data]].concat()).is(&expect![[r#"
        exit: 1
        stderr:
        note: created signing key `<directory>/state/signing.key`; anyone who has it can issue tokens
        error: the user `65a0000000000000000000b2` is disabled
    "#]]);
    state.run(&["users", "enable", KEN, "--app", APP]).is(&expect![[r#"
        exit: 0
        stdout:
        enabled 65a0000000000000000000b2
    "#]]);
    state.json(&[&LOGIN[..], &["--custom-data", &data]].concat());
    state.run(&["users", "delete", KEN, "--app", APP]).is(&expect![[r#"
        exit: 0
        stdout:
        deleted 65a0000000000000000000b2
    "#]]);
    assert_eq!(state.json(&["users", "list", "--app", APP])["users"].as_array().unwrap().len(), 3);
    state.run(&["users", "delete", "--expired-anonymous", "--app", APP]).is(&expect![[r#"
        exit: 0
        stdout:
        deleted 0 anonymous users
    "#]]);
}

#[test]
fn an_import_explains_each_refused_line() {
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
    state.run(&["users", "import", &path, "--app", APP]).is(&expect![[r#"
        exit: 1
        stdout:
        line 2: the identity `a` of `custom-token`, of the user `u2`, belongs to another user
        line 3: the user has no identity: nobody could log in
        line 4: a user cannot be used: expected a value, found the end of the text
        line 5: a different user with the ID `u1`, or a changed version of it, already exists
        line 6: the user's `type` must be "normal" or "server"
        2 users added, 0 unchanged, 5 refused
    "#]]);
    state.run(&["users", "import", &state.path("nothing"), "--app", APP]).is(&expect![[r#"
        exit: 2
        stderr:
        error: cannot read `<directory>/nothing`: No such file or directory (os error 2)
    "#]]);
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
fn an_import_names_ignored_fields() {
    let state = State::new("ignored");
    let path = state.path("users.ndjson");
    let user = r#"{"_id": "65a0000000000000000000b2", "disbled": true, "identities": [{"id": "ken", "provider_type": "custom-token", "provider_id": "5c"}]}"#;
    fs::write(&path, user).unwrap();
    state.run(&["users", "import", &path, "--app", APP]).is(&expect![[r#"
        exit: 0
        stdout:
        1 user added, 0 unchanged, 0 refused
        stderr:
        note: ignored unknown user fields: `disbled`, `identities.provider_id`
    "#]]);
    assert_eq!(
        state.json(&["users", "import", &path, "--app", APP])["ignored"],
        json!(["disbled", "identities.provider_id"])
    );
}

#[test]
fn an_array_of_users_is_refused_with_a_conversion_command() {
    let state = State::new("array");
    let path = state.path("users.json");
    fs::write(&path, r#"[{"_id": "u1", "identities": [{"id": "a", "provider_type": "custom-token"}]}]"#).unwrap();
    state.run(&["users", "import", &path, "--app", APP]).is(&expect![[r#"
        exit: 1
        stdout:
        line 1: this is an array of users; expected one user per line: convert it with `jq -c '.[]'`
        0 users added, 0 unchanged, 1 refused
    "#]]);
}
