//! What changes in a file, told by one process while others write.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const WRITER: &str =
    r#"{"roles": [{"name": "w", "apply_when": {}, "read": true, "write": true, "insert": true, "delete": true}]}"#;
const READER: &str =
    r#"{"roles": [{"name": "r", "apply_when": {}, "fields": {"_id": {"read": true}, "name": {"read": true}}}]}"#;

fn command(store: &str, rules: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).args(["--rules", rules, "--user", r#"{"id": "u1"}"#, "--store", store]);
    command.current_dir(portcullis_testkit::root()).env_remove("PORTCULLIS_STORE");
    command
}

fn done(store: &str, arguments: &[&str]) {
    let output = command(store, WRITER, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_is_watched_while_other_processes_write_to_it() {
    let path = std::env::temp_dir().join(format!("portcullis-cli-watch-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let store = path.to_str().unwrap();
    done(store, &["insert", "hr.watched", r#"[{"_id": 0, "name": "Ada"}]"#]);
    let child = command(store, READER, &["watch", "hr.watched"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Running(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        lines.map_while(Result::ok).try_for_each(|line| sender.send(serde_json::from_str::<Value>(&line).unwrap()))
    });
    // It has begun when it tells of the first of these.
    let mut number = 0;
    while told.try_recv().is_err() {
        number += 1;
        assert!(number < 200, "nothing is told");
        done(store, &["insert", "hr.watched", &format!(r#"[{{"_id": {number}, "name": "Ada", "salary": 1}}]"#)]);
    }
    done(store, &["update", "hr.watched", "--filter", r#"{"_id": 0}"#, "--update", r#"{"$set": {"salary": 9}}"#]);
    done(store, &["update", "hr.watched", "--filter", r#"{"_id": 0}"#, "--update", r#"{"$set": {"name": "Eve"}}"#]);
    done(store, &["delete", "hr.watched", "--filter", r#"{"_id": 0}"#]);
    let next = || told.recv_timeout(Duration::from_secs(60)).unwrap();
    let mut change = next();
    while change.get("inserted").is_some() {
        assert_eq!(change["inserted"].as_object().unwrap().len(), 2, "{change}");
        change = next();
    }
    assert_eq!(change, json!({"updated": {"_id": 0, "name": "Eve"}, "fields": {"name": "Eve"}, "removed": []}));
    assert_eq!(next(), json!({"deleted": {"_id": 0}}));
    drop(child);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_interrupted_watch_completes_its_json() {
    let path = std::env::temp_dir().join(format!("portcullis-cli-interrupted-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let store = path.to_str().unwrap();
    done(store, &["insert", "hr.watched", r#"[{"_id": 0, "name": "Ada"}]"#]);
    let child = command(store, READER, &["watch", "hr.watched", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut child = Running(child);
    let mut stdout = child.0.stdout.take().unwrap();
    // The list begins once the watch has started.
    let mut head = [0; 13];
    stdout.read_exact(&mut head).unwrap();
    let ended = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap();
    assert!(ended.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let text = format!("{}{rest}", std::str::from_utf8(&head).unwrap());
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"changes": []}));
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    std::fs::remove_file(path).unwrap();
}
