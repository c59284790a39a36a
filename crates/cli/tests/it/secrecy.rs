//! The command does not reveal secrets, connection strings, or the collections in which users are stored.

use std::fs;

use expect_test::expect;

use crate::command_output::CommandOutput;
use crate::state::{LOGIN, State, example};

#[test]
fn the_internal_collections_of_the_store_are_closed() {
    let state = State::new("ours");
    let server = ["--mongodb-uri", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1"];
    for (name, without_file, expected) in [
        (
            "portcullis.users",
            expect![[r#"
                exit: 2
                stderr:
                note: the application has no file for `portcullis.users`
                error: `portcullis.users` stores Portcullis users or sessions and is closed regardless of the rules
            "#]],
            expect![[r#"
                exit: 2
                stderr:
                error: `portcullis.users` stores Portcullis users or sessions and is closed regardless of the rules
            "#]],
        ),
        (
            "portcullis.sessions",
            expect![[r#"
                exit: 2
                stderr:
                note: the application has no file for `portcullis.sessions`
                error: `portcullis.sessions` stores Portcullis users or sessions and is closed regardless of the rules
            "#]],
            expect![[r#"
                exit: 2
                stderr:
                error: `portcullis.sessions` stores Portcullis users or sessions and is closed regardless of the rules
            "#]],
        ),
    ] {
        let decide = ["decide", "read", "{}", "--app", "fixtures/apps/defaults", "--in", name];
        let decided = state.run(&[&decide[..], &server].concat());
        let rules = ["--rules", r#"{"roles": [{"name": "r", "apply_when": {}, "read": true}]}"#];
        let found = state.run(&[&["find", name][..], &rules, &server].concat());
        CommandOutput::alike([decided, found]).is(&expected);
        let find = ["find", name, "--app", "fixtures/apps/defaults", "--store", "mongodb://127.0.0.1:1/"];
        state.run(&find).is(&without_file);
    }
    let login = [&LOGIN[..], &server, &["--mongodb-database", "hr"]].concat();
    state.run(&login).is(&expect![[r#"
        exit: 2
        stderr:
        error: `hr.users` is a collection of the application and cannot also store Portcullis users or sessions; name another database with --mongodb-database
    "#]]);
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let state = State::new("misplaced");
    let data = example("hr.users.json");
    let expected = [
        expect![[r#"
            exit: 2
            stderr:
            error: the file given for secrets cannot be read: No such file or directory (os error 2)
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: the file given for secrets cannot be read: No such file or directory (os error 2)
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: the file given for the secret `harbourKey` cannot be read: No such file or directory (os error 2)
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: the environment variable given for the secret `harbourKey` is not set
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: --signing-key takes a file that holds the key; no such file
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: --state takes a directory; pass a connection string with --mongodb-uri
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: --mongodb-database takes the name of a database; pass a connection string with --mongodb-uri
        "#]],
        expect![[r#"
            exit: 2
            stderr:
            error: --mongodb-database takes the name of a database; pass a connection string with --mongodb-uri
        "#]],
    ];
    let wrong = [
        &["--secrets", r#"{"harbourKey": "hunter2"}"#][..],
        &["--secrets", "hunter2"],
        &["--secret", "harbourKey=file:hunter2"],
        &["--secret", "harbourKey=env:hunter2"],
        &["--signing-key", "hunter2"],
        &["--state", "mongodb://ada:hunter2@localhost/"],
        &["--mongodb-database", "mongodb://ada:hunter2@localhost/"],
        &["--mongodb-uri", "mongodb://localhost:1", "--mongodb-database", "mongodb://ada:hunter2@localhost/"],
    ];
    for (wrong, expected) in wrong.iter().zip(expected) {
        let said = state.run(&[&LOGIN[..], &["--custom-data", &data], wrong].concat());
        assert!(!said.stderr.contains("hunter2"), "{said}");
        said.is(&expected);
    }
}

#[test]
fn a_connection_string_in_the_wrong_place_is_not_shown() {
    let state = State::new("uri");
    let uris = ["mongodb://ada:hunter2@localhost/", "mongodb+srv://ada:hunter2@localhost/"];
    let said = CommandOutput::alike(uris.map(|uri| state.run(&[&LOGIN[..], &["--custom-data", uri]].concat())));
    assert!(!said.stderr.contains("hunter2"), "{said}");
    said.is(&expect![[r#"
        exit: 2
        stderr:
        error: --custom-data takes a file or a directory; pass a connection string with --mongodb-uri
    "#]]);
}

#[test]
fn key_and_store_files_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let state = State::new("mode");
    state.log_in(&example("hr.users.json"));
    let mode = |name: &str| fs::metadata(state.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/signing.key")), (0o700, 0o600));
    // The file is private even in a directory that other users can list.
    assert_eq!(mode("state/state.redb"), 0o600);
}
