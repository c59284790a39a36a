//! What the command says where something is not as it should be: `fixtures/cli/messages.json`, and what needs files or a
//! terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::{Expect, expect};

use crate::check;
use crate::command_output::CommandOutput;
use crate::tree::{CUSTOM_DATA, OPEN, ROOT, SOURCE, THINGS, Tree, run};

const USERS: &str = "app/data_sources/m/db/users/rules.json";

#[test]
fn messages_match_their_fixtures() {
    let cases = check("messages");
    assert!(cases > 60, "the fixture lost its cases");
}

#[test]
fn an_error_in_one_part_does_not_suppress_findings_about_others() {
    let second = r#"{"database": "db", "collection": "users", "roles":
        [{"name": "broken", "apply_when": {"%%usr.id": 1}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;
    let template = r#"{"database": "db", "collection": "users", "roles":
        [{"name": "t", "apply_when": {"a": "%(%%values.nowhere)"}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}"#;
    let schema = (
        "app/data_sources/m/db/users/schema.json",
        r#"{"title": "u", "properties": {"role": {"bson_type": "string"}}}"#,
    );
    let custom_data =
        ("app/auth/custom_user_data.json", CUSTOM_DATA.1.strip_suffix('}').unwrap().to_owned() + r#", "x": 1}"#);
    let sound: &[(&str, &str)] = &[ROOT, SOURCE, CUSTOM_DATA, THINGS, (USERS, OPEN)];
    type Case<'c> = (&'c str, Vec<(&'c str, &'c str)>, Expect);
    let cases: [Case<'_>; 5] = [
        (
            "none",
            sound.to_vec(),
            expect![[r#"
                exit: 1
                stdout:
                note[document-movable]: role `x` may change `uid`, by which it is chosen: its users can give the document away (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u2"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ to prevent this, write `"write": {"uid":"%%user.id"}` in the role, which sees the new document

                error[custom-data-writable]: users of role `x` can write their own custom data, and rules trust `%%user.custom_data.role` (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u1","role":"admin"}, and a rule asks {"%%user.custom_data.role":"admin"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ write "write": false, or leave `write` out and give field rules with `write` to other fields than `role`

                5 files: 1 error, 0 warnings, 1 note
            "#]],
        ),
        (
            "schema",
            [sound, &[schema]].concat(),
            expect![[r#"
                exit: 1
                stdout:
                note[document-movable]: role `x` may change `uid`, by which it is chosen: its users can give the document away (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u2"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ to prevent this, write `"write": {"uid":"%%user.id"}` in the role, which sees the new document

                error[custom-data-writable]: users of role `x` can write their own custom data, and rules trust `%%user.custom_data.role` (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u1","role":"admin"}, and a rule asks {"%%user.custom_data.role":"admin"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ write "write": false, or leave `write` out and give field rules with `write` to other fields than `role`

                error[keyword-unknown]: unknown keyword `bson_type` in a schema
                  --> app/data_sources/m/db/users/schema.json:1:40  (/properties/role/bson_type)
                  1 | {"title": "u", "properties": {"role": {"bson_type": "string"}}}
                    |                                        ^^^^^^^^^^^ did you mean `bsonType`?

                6 files: 2 errors, 0 warnings, 1 note
            "#]],
        ),
        (
            "role",
            [sound, &[(USERS, second)]].concat(),
            expect![[r#"
                exit: 1
                stdout:
                error[expansion-unknown]: unknown expansion `%%usr.id`
                  --> app/data_sources/m/db/users/rules.json:2:44  (/roles/0/apply_when/%%usr.id)
                  2 |         [{"name": "broken", "apply_when": {"%%usr.id": 1}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                            ^^^^^^^^^^ did you mean `%%user.id`?

                note[document-movable]: role `x` may change `uid`, by which it is chosen: its users can give the document away (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u2"})
                  --> app/data_sources/m/db/users/rules.json:2:120  (/roles/1/write)
                  2 | …  {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ to prevent this, write `"write": {"uid":"%%user.id"}` in the role, which sees the new document

                error[custom-data-writable]: users of role `x` can write their own custom data, and rules trust `%%user.custom_data.role` (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u1","role":"admin"}, and a rule asks {"%%user.custom_data.role":"admin"})
                  --> app/data_sources/m/db/users/rules.json:2:120  (/roles/1/write)
                  2 | …  {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ write "write": false, or leave `write` out and give field rules with `write` to other fields than `role`

                5 files: 2 errors, 0 warnings, 1 note
            "#]],
        ),
        (
            "template",
            [sound, &[(USERS, template)]].concat(),
            expect![[r#"
                exit: 1
                stdout:
                error[template-missing]: `%(%%values.nowhere)` has no value
                  --> app/data_sources/m/db/users/rules.json:2:44  (/roles/0/apply_when/a)
                  2 |         [{"name": "t", "apply_when": {"a": "%(%%values.nowhere)"}}, {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                            ^^^^^^^^^^^^^^^^^^^^^ define it in environments/<tag>.json or values/

                note[document-movable]: role `x` may change `uid`, by which it is chosen: its users can give the document away (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u2"})
                  --> app/data_sources/m/db/users/rules.json:2:128  (/roles/1/write)
                  2 | …  {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ to prevent this, write `"write": {"uid":"%%user.id"}` in the role, which sees the new document

                error[custom-data-writable]: users of role `x` can write their own custom data, and rules trust `%%user.custom_data.role` (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u1","role":"admin"}, and a rule asks {"%%user.custom_data.role":"admin"})
                  --> app/data_sources/m/db/users/rules.json:2:128  (/roles/1/write)
                  2 | …  {"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ write "write": false, or leave `write` out and give field rules with `write` to other fields than `role`

                5 files: 2 errors, 0 warnings, 1 note
            "#]],
        ),
        (
            "custom-data",
            [sound, &[(custom_data.0, custom_data.1.as_str())]].concat(),
            expect![[r#"
                exit: 1
                stdout:
                note[key-unused]: nothing reads the key `x` of the custom user data configuration
                  --> app/auth/custom_user_data.json:1:121  (/x)
                  1 | … : "db", "collection_name": "users", "user_id_field": "uid", "x": 1}
                    |                                                               ^^^

                note[document-movable]: role `x` may change `uid`, by which it is chosen: its users can give the document away (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u2"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ to prevent this, write `"write": {"uid":"%%user.id"}` in the role, which sees the new document

                error[custom-data-writable]: users of role `x` can write their own custom data, and rules trust `%%user.custom_data.role` (user `u1` may turn {"_id":1,"uid":"u1"} into {"_id":1,"uid":"u1","role":"admin"}, and a rule asks {"%%user.custom_data.role":"admin"})
                  --> app/data_sources/m/db/users/rules.json:2:65  (/roles/0/write)
                  2 | … [{"name": "x", "apply_when": {"uid": "%%user.id"}, "write": true}]}
                    |                                                               ^^^^ write "write": false, or leave `write` out and give field rules with `write` to other fields than `role`

                5 files: 1 error, 0 warnings, 2 notes
            "#]],
        ),
    ];
    for (name, files, expected) in cases {
        let tree = Tree::new(name, &files);
        let said = run(&tree.0, &["check", "app"]);
        assert!(said.stdout.contains("error[custom-data-writable]"), "{name}: {said}");
        said.is(&expected);
    }
}

#[test]
fn unreadable_custom_data_is_not_reported_as_absent() {
    let tree = Tree::new("unclear", &[ROOT, SOURCE, ("app/auth/custom_user_data.json", "{"), THINGS]);
    let said = run(&tree.0, &["check", "app"]);
    assert!(!said.stdout.contains("custom-data-absent"), "{said}");
    said.is(&expect![[r#"
        exit: 1
        stdout:
        error[json-syntax]: expected a key in double quotes, found the end of the text
          --> app/auth/custom_user_data.json:1:2
          1 | {
            |  ^ the `{` at 1:1 is never closed

        4 files: 1 error, 0 warnings, 0 notes
    "#]]);
}

#[test]
fn a_collection_closed_by_a_misspelling_is_an_error() {
    let named = r#"{"database": "db", "collection": "task", "roles": []}"#;
    for (name, file, expected) in [
        (
            "slip",
            ("app/data_sources/m/db/tasks/rules.json", named),
            expect![[r#"
                exit: 1
                stdout:
                error[namespace-mismatch]: the file is for `db.task`, but its path names `db.tasks`, which therefore has no rules and is closed
                  --> app/data_sources/m/db/tasks/rules.json:1:34  (/collection)
                  1 | {"database": "db", "collection": "task", "roles": []}
                    |                                  ^^^^^^ its keys take precedence: correct them, or move the file

                3 files: 1 error, 1 warning, 0 notes
            "#]],
        ),
        (
            "file",
            ("app/data_sources/m/db/tasks/rule.json", "{}"),
            expect![[r#"
                exit: 1
                stdout:
                error[file-unused]: nothing reads this file, so the collection has no rules and is closed
                  --> app/data_sources/m/db/tasks/rule.json:1:1
                    = did you mean `rules.json`?

                2 files: 1 error, 0 warnings, 0 notes
            "#]],
        ),
    ] {
        let tree = Tree::new(name, &[ROOT, SOURCE, file]);
        run(&tree.0, &["check", "-q", "app"]).is(&expected);
    }
}

#[test]
fn the_fix_for_an_unused_file_is_not_its_current_directory() {
    let tree = Tree::new("unread", &[ROOT, SOURCE, THINGS, ("app/data_sources/m/db/things/encryption.json", "{}")]);
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 0
        stdout:
        warning[file-unused]: nothing reads this file
          --> app/data_sources/m/db/things/encryption.json:1:1
            = the directory of a collection has rules.json, schema.json and relationships.json; move anything not meant for App Services out of it

        warning[custom-data-absent]: `%%user.custom_data.role` is Missing for every user: custom data is not enabled
          --> app/data_sources/m/db/things/rules.json:2:39  (/roles/0/apply_when/%%user.custom_data.role)
          2 |         [{"name": "a", "apply_when": {"%%user.custom_data.role": "admin"}, "read": true}]}
            |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^ configure it in `auth/custom_user_data.json`

        3 files: 0 errors, 2 warnings, 0 notes
    "#]]);
}

#[test]
fn a_secret_that_no_value_uses_is_named() {
    let value = ("app/values/key.json", r#"{"name": "key", "from_secret": true, "value": "asked"}"#);
    let tree =
        Tree::new("secret", &[ROOT, SOURCE, THINGS, value, ("app/secrets.json", r#"{"idle": "", "asked": ""}"#)]);
    let decide = |secret: &str| {
        let user = r#"{"id": "u", "custom_data": null}"#;
        run(&tree.0, &["decide", "read", "{}", "--app", "app", "--in", "db.things", "--user", user, "--secret", secret])
    };
    decide("idle=env:PATH").is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
        stderr:
        note: no value uses the secret `idle`, so no rule can: values/*.json refer to secrets with `from_secret`
    "#]]);
    decide("asked=env:PATH").is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
    "#]]);
    decide("other=env:PATH").is(&expect![[r#"
        exit: 2
        stderr:
        error: no application file refers to a secret `other`; it refers to `asked`, `idle`
    "#]]);
}

/// A file may have been written for several applications.
#[test]
fn secrets_in_a_file_that_no_application_names_are_noted() {
    let value = ("app/values/key.json", r#"{"name": "key", "from_secret": true, "value": "asked"}"#);
    let secrets = ("secrets.json", r#"{"askd": "0123", "AWS-secret-key": "4567"}"#);
    let tree = Tree::new("secrets-file", &[ROOT, SOURCE, THINGS, value, secrets]);
    run(&tree.0, &["check", "app", "--quiet", "--secrets", "secrets.json"]).is(&expect![[r#"
        exit: 0
        stdout:
        4 files: 0 errors, 2 warnings, 0 notes
        stderr:
        note: the secret `AWS-secret-key` in the file of --secrets is not used
        note: the secret `askd` in the file of --secrets is not used; did you mean `asked`?
    "#]]);
}

#[test]
fn a_check_reports_what_would_not_be_served() {
    let google = r#"{"oauth2-google": {"name": "oauth2-google", "type": "oauth2-google", "disabled": false}}"#;
    let own = ("app/realm_config.json", r#"{"config_version": 20210101}"#);
    let sync = ("app/sync/config.json", r#"{"state": "enabled"}"#);
    let tree = Tree::new("not-served", &[own, ("app/auth/providers.json", google), sync]);
    run(&tree.0, &["check", "app"]).is(&expect![[r#"
        exit: 0
        stdout:
        warning[provider-not-served]: logins with `oauth2-google` are rejected: OAuth2 is not served
          --> app/auth/providers.json:1:19
          1 | {"oauth2-google": {"name": "oauth2-google", "type": "oauth2-google", "disabled": false}}
            |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ until another provider is enabled, nobody can log in

        note[app-id-missing]: the application has no ID, which `serve` and users need
          --> app/realm_config.json:1:1
          1 | {"config_version": 20210101}
            | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ add `app_id` or `name`

        note[sync-not-served]: device sync is not served
          --> app/sync/config.json:1:1
          1 | {"state": "enabled"}
            | ^^^^^^^^^^^^^^^^^^^^ clients can use queries and `watch` instead

        3 files: 0 errors, 1 warning, 2 notes
    "#]]);
}

/// The value and the secret that it is taken from have names of their own.
#[test]
fn a_missing_secret_is_named_as_the_option_expects_it() {
    let value = ("app/values/key.json", r#"{"name": "key", "from_secret": true, "value": "asked"}"#);
    let rules = (
        "app/data_sources/m/db/things/rules.json",
        r#"{"database": "db", "collection": "things",
        "roles": [{"name": "a", "apply_when": {"key": "%%values.key"}, "read": true}]}"#,
    );
    let tree = Tree::new("secret-missing", &[ROOT, SOURCE, rules, value]);
    let user = r#"{"id": "u", "custom_data": null}"#;
    let decide = ["decide", "read", "{}", "--app", "app", "--in", "db.things", "--user", user];
    run(&tree.0, &decide).is(&expect![[r#"
        exit: 1
        stdout:
        denied as `a`: a rule that decides could not be evaluated
          error: the value `key` is a secret that was not supplied
        stderr:
        note: the value `key` is a secret that was not supplied: pass --secret asked=env:VARIABLE or --secrets FILE, or set the variable PORTCULLIS_SECRET_asked
    "#]]);
    run(&tree.0, &[&decide[..], &["--secret", "asked=env:PATH"]].concat()).is(&expect![[r#"
        exit: 1
        stdout:
        denied: no role applies
    "#]]);
}

#[test]
fn the_application_defaults_to_the_current_directory() {
    let tree = Tree::new("here", &[ROOT, SOURCE, THINGS]);
    let app = tree.path("app");
    for arguments in [
        &["check"][..],
        &["query", "db.things", "--user", r#"{"id": "u", "custom_data": null}"#],
        &["decide", "read", "db.things", "{}", "--user", r#"{"id": "u", "custom_data": null}"#],
    ] {
        let said = run(&app, arguments);
        assert!(said.exit < 2, "{arguments:?}: {said}");
    }
}

#[test]
fn documents_are_imported_from_an_argument_and_exported_by_either_collection_syntax() {
    let tree = Tree::new("import", &[("a", "")]);
    for arguments in
        [&["import", "db.c", r#"{"_id": 1}"#][..], &["import", "--in", "db.c", "{\"_id\": 2}\n{\"_id\": 3}"]]
    {
        assert_eq!(run(&tree.0, arguments).exit, 0);
    }
    let exports = [&["export", "db.c"][..], &["export", "--in", "db.c"]];
    CommandOutput::alike(exports.map(|arguments| run(&tree.0, arguments))).is(&expect![[r#"
        exit: 0
        stdout:
        {"_id":{"$numberInt":"1"}}
        {"_id":{"$numberInt":"2"}}
        {"_id":{"$numberInt":"3"}}
    "#]]);
}

#[test]
fn several_documents_are_inserted_from_several_arguments() {
    const RULES: &str = r#"{"roles": [{"name": "w", "apply_when": {}, "insert": true, "read": true, "write": true}]}"#;
    let tree = Tree::new("several", &[("more.json", r#"[{"_id": 3}, {"_id": 4}]"#)]);
    let insert = |arguments: &[&str]| run(&tree.0, &[&["insert"], arguments, &["--rules", RULES]].concat());
    insert(&["db.c", r#"{"_id": 1}"#, r#"{"_id": 2}"#, "more.json"]).is(&expect![[r#"
        exit: 0
        stdout:
        4 documents inserted
    "#]]);
    insert(&["--in", "db.c", r#"{"_id": 5}"#, r#"{"_id": 6}"#]).is(&expect![[r#"
        exit: 0
        stdout:
        2 documents inserted
    "#]]);
    insert(&["--in", "db.c", "db.c", r#"{"_id": 7}"#]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the collection is given twice: as an argument and with --in
    "#]]);
    insert(&[r#"{"_id": 7}"#, r#"{"_id": 8}"#]).is(&expect![[r#"
        exit: 2
        stderr:
        error: no collection given: pass `database.collection` as the first argument or with --in
    "#]]);
    let write = |id: u8| format!(r#"{{"deleteOne": {{"filter": {{"_id": {id}}}}}}}"#);
    run(&tree.0, &["write", "db.c", &write(1), &format!("[{}]", write(2)), "--rules", RULES]).is(&expect![[r#"
        exit: 0
        stdout:
        1 document deleted
        1 document deleted
    "#]]);
}

/// redb panics when it reads bytes that it did not write.
#[test]
fn a_damaged_store_is_named_without_a_panic() {
    let tree = Tree::new("damaged", &[("foreign.redb", "a text, and not a short one, which is no database")]);
    let documents: String =
        (0..2000).map(|id| format!("{{\"_id\": {id}, \"text\": \"{}\"}}\n", "x".repeat(50))).collect();
    fs::write(tree.path("documents.ndjson"), documents).unwrap();
    assert_eq!(run(&tree.0, &["import", "db.c", "documents.ndjson", "--store", "whole.redb"]).exit, 0);
    let whole = fs::read(tree.path("whole.redb")).unwrap();
    let rules = r#"{"roles": [{"name": "r", "apply_when": {}, "read": true, "write": true}]}"#;
    let mut failures = 0;
    for (every, mask) in [(1, 0xff), (7, 0xff), (64, 0x01), (512, 0x80), (4096, 0x07)] {
        let mut bytes = whole.clone();
        // Damages all pages but the first, which says where the others are.
        bytes.iter_mut().skip(4096).step_by(every).for_each(|byte| *byte ^= mask);
        fs::write(tree.path("damaged.redb"), &bytes).unwrap();
        for arguments in [
            &["find", "db.c", "--rules", rules, "--store", "damaged.redb", "--json"][..],
            &["insert", "db.c", "{}", "--rules", rules, "--store", "damaged.redb"],
            &["users", "list", "--application", "a", "--store", "damaged.redb"],
        ] {
            let said = run(&tree.0, arguments);
            assert!((0..=2).contains(&said.exit), "{arguments:?}: {said}");
            assert!(!said.stderr.contains("panicked"), "{arguments:?}: {said}");
            if said.exit == 2 {
                failures += 1;
                assert!(said.stderr.contains("restore it from a backup"), "{arguments:?}: {said}");
            }
            if arguments.contains(&"--json") {
                serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap();
            }
        }
    }
    assert!(failures > 3, "the store was not damaged");
    run(&tree.0, &["find", "db.c", "--rules", rules, "--store", "foreign.redb"]).is(&expect![[r#"
        exit: 2
        stderr:
        error: `foreign.redb`: cannot open the file of users, sessions and documents: it is not an embedded store: name another file, or a MongoDB server by its URI
    "#]]);
}

#[test]
fn an_application_without_an_id_gets_a_message_that_fits_the_command() {
    let tree = Tree::new("nameless", &[("app/realm_config.json", r#"{"config_version": 20210101}"#)]);
    run(&tree.0, &["serve", "--app", "app", "--listen", "127.0.0.1:0"]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application in `app` has no ID, which keeps its users apart from those of other applications: write `app_id` or `name` into its file `realm_config.json`
    "#]]);
    run(&tree.0, &["run", "f", "--app", "app", "--as-system"]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application in `app` has no ID, which keeps its users apart from those of other applications: write `app_id` or `name` into its file `realm_config.json`
    "#]]);
    run(&tree.0, &["users", "list", "--app", "app"]).is(&expect![[r#"
        exit: 2
        stderr:
        error: the application in `app` has no ID, which keeps its users apart from those of other applications: write `app_id` or `name` into its file `realm_config.json`, or pass --application ID
    "#]]);
}

/// Runs a command with a terminal as its output; none where nothing can make one.
fn on_terminal(directory: &Path, arguments: &[&str]) -> Option<String> {
    const SPAWN: &str = "import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_portcullis")]).args(arguments).current_dir(directory);
    // So that the colours are written, too.
    let output = command.env("TERM", "xterm").env_remove("NO_COLOR").output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    (!text.is_empty()).then_some(text)
}

#[test]
fn control_characters_in_stored_strings_never_reach_the_terminal() {
    let hostile = "a\u{9b}31mb\u{202e}c\u{7f}d\u{2066}e\u{85}f\u{61c}g\u{e0041}h";
    let rules = r#"{"roles": [{"name": "R", "apply_when": {}, "read": true, "write": true}]}"#;
    let document = format!("{{\"_id\": 1, \"text\": \"{hostile}\"}}");
    let tree = Tree::new("terminal", &[("rules.json", rules), ("document.json", &document)]);
    assert_eq!(run(&tree.0, &["import", "db.c", "document.json"]).exit, 0);
    let clean = r"a\u009b31mb\u202ec\u007fd\u2066e\u0085f\u061cg\udb40\udc41h";
    for arguments in [
        &["find", "db.c", "--rules", "rules.json"][..],
        &["find", "db.c", "--rules", "rules.json", "--json"],
        &["export", "db.c"],
        &["decide", "read", "document.json", "--rules", "rules.json"],
        &["decide", "read", "document.json", "--rules", "rules.json", "--json"],
        &[
            "write",
            "db.c",
            r#"{"findOneAndUpdate": {"filter": {}, "update": {"$set": {"a": 1}}}}"#,
            "--rules",
            "rules.json",
        ],
        &["expand", "document.json"],
        &["eval", "{\"text\": 1}", "--root", "document.json", "--explain"],
    ] {
        let Some(text) = on_terminal(&tree.0, arguments) else { return eprintln!("not run: there is no python3") };
        let raw = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}') || hostile.contains(c) && !c.is_ascii()
        };
        assert!(!text.contains(raw), "{arguments:?}: {text:?}");
        assert!(text.contains("u009b31m") || text.contains("u{9b}"), "{arguments:?}: {text:?}");
    }
    // It is the same JSON, and what is no terminal gets the text as it is.
    let text = on_terminal(&tree.0, &["find", "db.c", "--rules", "rules.json"]).unwrap();
    assert!(text.contains(clean), "{text:?}");
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["text"], hostile);
    assert!(run(&tree.0, &["find", "db.c", "--rules", "rules.json"]).stdout.contains(hostile));
    // A finding quotes a hostile file, and keeps its colours.
    fs::write(tree.path("broken.json"), format!("{{\"roles\": [{{\"na\u{202e}me\": \"{hostile}\"}}]}}")).unwrap();
    let text = on_terminal(&tree.0, &["check", "broken.json"]).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{9b}', '\u{7f}']) && text.contains("\u{1b}[1m\u{1b}[31merror"), "{text:?}");
}
