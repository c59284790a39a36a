//! The commands by which an administrator makes users, passwords and keys of an application that is served.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};

use expect_test::expect;
use serde_json::{Value, json};

use crate::command_output::CommandOutput;
use crate::state::State;

const NOTES: &str = "fixtures/served/notes";

impl State {
    /// Runs a command on the store in the file `data.redb`, or the one of that name, with a text as its input.
    fn on(&self, store: &str, arguments: &[&str], input: &str) -> CommandOutput {
        let path = self.path(store);
        let mut child = self
            .command(&[arguments, &["--app", NOTES, "--store", &path]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        CommandOutput::of(child.wait_with_output().unwrap()).redacted(&self.path(""), "<directory>/")
    }

    fn json_on(&self, store: &str, arguments: &[&str], input: &str) -> Value {
        let said = self.on(store, &[arguments, &["--json"]].concat(), input);
        assert_eq!(said.exit, 0, "{arguments:?}\n{said}");
        serde_json::from_str(&said.stdout).unwrap()
    }
}

/// A server, which ends with this value.
struct Server {
    child: Child,
    address: String,
    /// What the server says; it ends when nobody listens.
    _output: BufReader<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(state: &State) -> Self {
        let store = state.path("data.redb");
        let arguments = ["serve", "--app", NOTES, "--store", &store, "--listen", "127.0.0.1:0"];
        let mut child = state.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, address, _output: output }
    }

    /// Logs in; the status and the body.
    fn log_in(&self, provider: &str, payload: &Value) -> (String, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let path = format!("/api/client/v2.0/app/notes-abcde/auth/providers/{provider}/login");
        let (body, host) = (payload.to_string(), &self.address);
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), serde_json::from_str(body).unwrap())
    }

    fn log_in_by(&self, email: &str, password: &str) -> (String, Value) {
        self.log_in("local-userpass", &json!({ "username": email, "password": password }))
    }
}

#[test]
fn created_users_and_keys_can_log_in_to_the_server() {
    let state = State::new("administered");
    let made = state.json_on("data.redb", &["users", "add", "ken@example.com"], "a password\n");
    let ken = made["user_id"].as_str().unwrap();
    state.on("data.redb", &["users", "add", "ken@example.com"], "a password").is(&expect![[r#"
        exit: 1
        stderr:
        error: name already in use
    "#]]);
    state.on("data.redb", &["users", "add", "zoe@example.com"], "short").is(&expect![[r#"
        exit: 1
        stderr:
        error: password must be between 6 and 128 characters
    "#]]);
    let key = state.json_on("data.redb", &["keys", "create", "reports"], "");
    let id = key["_id"].as_str().unwrap();
    let listed = state.on("data.redb", &["keys", "list"], "");
    assert!(!listed.stdout.contains(key["key"].as_str().unwrap()), "{listed}");
    listed.redacted(id, "<id>").is(&expect![[r#"
        exit: 0
        stdout:
        <id>  enabled  reports
    "#]]);
    state.on("data.redb", &["keys", "create", "reports"], "").is(&expect![[r#"
        exit: 1
        stderr:
        error: API key with name already exists
    "#]]);
    state.on("data.redb", &["keys", "create", "two words"], "").is(&expect![[r#"
        exit: 1
        stderr:
        error: the name of a key can only contain ASCII letters, numbers, underscores, and hyphens
    "#]]);
    state.on("data.redb", &["keys", "disable", "reports"], "").redacted(id, "<id>").is(&expect![[r#"
        exit: 0
        stdout:
        disabled <id>  reports
    "#]]);
    state.on("data.redb", &["keys", "list"], "").redacted(id, "<id>").is(&expect![[r#"
        exit: 0
        stdout:
        <id>  disabled  reports
    "#]]);
    assert_eq!(state.json_on("data.redb", &["keys", "enable", "reports"], "")["enabled"]["disabled"], false);
    state.on("data.redb", &["keys", "disable", "nothing"], "").is(&expect![[r#"
        exit: 1
        stderr:
        error: API key not found
    "#]]);
    let other = state.json_on("data.redb", &["keys", "create", "other"], "");
    let deleted = state.on("data.redb", &["keys", "delete", "other"], "");
    deleted.redacted(other["_id"].as_str().unwrap(), "<id>").is(&expect![[r#"
        exit: 0
        stdout:
        deleted <id>  other
    "#]]);
    state.on("data.redb", &["keys", "delete", "other"], "").is(&expect![[r#"
        exit: 1
        stderr:
        error: API key not found
    "#]]);

    let server = Server::start(&state);
    let (status, login) = server.log_in_by("ken@example.com", "a password");
    assert_eq!((status.as_str(), login["user_id"].as_str()), ("200", Some(ken)));
    assert_eq!(server.log_in("api-key", &json!({ "key": key["key"] })).0, "200");
    drop(server);

    let password = state.path("password.txt");
    fs::write(&password, "another one\r\n").unwrap();
    let set = ["users", "set-password", "ken@example.com", "--password-file", &password];
    assert_eq!(state.json_on("data.redb", &set, ""), json!({ "ended": 1, "disabled_keys": 0 }));
    state.on("data.redb", &["users", "set-password", "Ken@example.com"], "another one").is(&expect![[r#"
        exit: 1
        stderr:
        error: user not found
    "#]]);
    state.on("data.redb", &["users", "confirm", "ken@example.com"], "").is(&expect![[r#"
        exit: 0
        stdout:
        already confirmed
    "#]]);
    state.on("data.redb", &["users", "confirm", "zoe@example.com"], "").is(&expect![[r#"
        exit: 1
        stderr:
        error: user not found
    "#]]);
    let server = Server::start(&state);
    assert_eq!(server.log_in_by("ken@example.com", "a password").1["error_code"], "InvalidPassword");
    assert_eq!(server.log_in_by("ken@example.com", "another one").0, "200");
}

#[test]
fn a_user_is_named_by_email_address_or_id() {
    let state = State::new("addresses");
    let made = state.json_on("data.redb", &["users", "add", "ken@example.com"], "a password\n");
    let ken = made["user_id"].as_str().unwrap();
    let listed = state.json_on("data.redb", &["users", "list"], "");
    assert_eq!(listed["users"][0]["identities"][0]["email"], "ken@example.com");
    let shown = state.on("data.redb", &["users", "list"], "");
    assert!(shown.stdout.ends_with(" <ken@example.com>\n"), "{shown}");
    let run = |command: &str| state.on("data.redb", &["users", command, "ken@example.com"], "").redacted(ken, "<id>");
    run("disable").is(&expect![[r#"
        exit: 0
        stdout:
        disabled <id> <ken@example.com>
    "#]]);
    run("enable").is(&expect![[r#"
        exit: 0
        stdout:
        enabled <id> <ken@example.com>
    "#]]);
    run("delete").is(&expect![[r#"
        exit: 0
        stdout:
        deleted <id> <ken@example.com>
    "#]]);
    run("delete").is(&expect![[r#"
        exit: 1
        stdout:
        there is no user `ken@example.com`
    "#]]);
}

#[test]
fn an_export_can_be_imported() {
    let state = State::new("exported");
    let import = fs::read_to_string(portcullis_testkit::root().join("fixtures/cli/exported-users.ndjson")).unwrap();
    assert_eq!(state.json_on("data.redb", &["users", "import", "-"], &import)["added"], 5);
    state.json_on("data.redb", &["users", "add", "ken@example.com"], "a password");
    let exported = state.on("data.redb", &["users", "export"], "");
    assert_eq!(exported.exit, 0, "{}", exported.stderr);
    expect![[r#"
        note: 6 users exported, without passwords, API keys, sessions and custom data
    "#]]
    .assert_eq(&exported.stderr);
    for secret in ["argon2", "hash", "a password"] {
        assert!(!exported.stdout.contains(secret), "{}", exported.stdout);
    }
    let lines: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 6);

    let added = json!({ "added": 6, "unchanged": 0, "refused": [], "ignored": [] });
    assert_eq!(state.json_on("copy.redb", &["users", "import", "-"], &exported.stdout), added);
    let again = state.json_on("copy.redb", &["users", "import", "-"], &exported.stdout);
    assert_eq!((&again["unchanged"], &again["refused"]), (&json!(6), &json!([])));
    assert_eq!(state.on("copy.redb", &["users", "export"], "").stdout, exported.stdout);
    let list = |store: &str| state.json_on(store, &["users", "list"], "");
    assert_eq!(list("copy.redb"), list("data.redb"));
    // Whoever made the users knows their passwords; here, nobody does.
    let set = state.json_on("copy.redb", &["users", "set-password", "ken@example.com"], "a password");
    assert_eq!(set, json!({ "ended": 0, "disabled_keys": 0 }));
}

#[test]
fn an_address_registered_by_another_user_is_reported() {
    let state = State::new("registered");
    state.json_on("data.redb", &["users", "add", "ken@example.com"], "a password");
    let user = r#"{"_id": "65a0000000000000000000b2", "identities": [{"id": "65b0000000000000000000b2", "provider_type": "local-userpass", "provider_data": {"email": "ken@example.com"}}]}"#;
    state.on("data.redb", &["users", "import", "-"], user).is(&expect![[r#"
        exit: 1
        stdout:
        line 1: the user `65a0000000000000000000b2` exists, but another user has registered the e-mail address: a reset mail cannot set a password
        1 user added, 0 unchanged, 1 refused
    "#]]);
}
