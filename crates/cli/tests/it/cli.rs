//! The command line: fixtures/cli holds arguments, input, exit code and what must be said.

use std::io::Write;
use std::process::{Command, Stdio};

use expect_test::expect;

use crate::tree::{Tree, run};
use crate::{check, check_with_state};

#[test]
fn commands_match_their_fixtures() {
    let cases = check("commands");
    assert!(cases > 40, "the fixture lost its cases");
}

#[test]
fn commands_show_secrets_only_on_request() {
    let cases = check("secrets");
    assert!(cases > 5, "the fixture lost its cases");
}

#[test]
fn reading_commands_match_their_fixtures() {
    let cases = check_with_state("reads");
    assert!(cases > 20, "the fixture lost its cases");
}

/// One after the other, on a store of their own.
#[test]
fn document_commands_match_their_fixtures() {
    let cases = check_with_state("documents");
    assert!(cases > 20, "the fixture lost its cases");
}

/// One after the other, on a store of their own.
#[test]
fn function_commands_match_their_fixtures() {
    let cases = check_with_state("functions");
    assert!(cases > 10, "the fixture lost its cases");
}

#[test]
fn a_closed_output_pipe_does_not_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["decide", "read", "-", "--rules", r#"{"roles": [{"name": "R", "apply_when": {}, "read": true}]}"#])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let _ = child.stdin.take().unwrap().write_all("{\"a\": 1}\n".repeat(100_000).as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn all_files_are_formatted_although_one_cannot_be() {
    let tree = Tree::new("formatted", &[("bad.json", "{\"roles\": [}"), ("good.json", "{\"a\":{\"%gt\":1}}")]);
    run(&tree.0, &["fmt", "--write", "bad.json", "good.json"]).is(&expect![[r#"
        exit: 2
        stderr:
        error[json-syntax]: expected a value, found `}`
          --> bad.json:1:12
          1 | {"roles": [}
            |            ^
        error: 1 of 2 files cannot be formatted
    "#]]);
    assert_eq!(std::fs::read_to_string(tree.path("good.json")).unwrap(), "{ \"a\": { \"$gt\": 1 } }\n");
}

const READERS: &str = r#"{"roles": [{"name": "R", "apply_when": {}, "fields": {"a": {"read": true}}}]}"#;

fn reading() -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["decide", "read", "-", "--rules", READERS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn many_documents_are_decided_in_input_order() {
    let input = |line: u32| {
        if line.is_multiple_of(1000) { "{\"a\": }\n".into() } else { format!("{{\"a\": {line}, \"b\": 1}}\n") }
    };
    let mut child = reading();
    let mut stdin = child.stdin.take().unwrap();
    let text: String = (1..=50_000_u32).map(input).collect();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    let expected: String = (1..=50_000_u32)
        .filter(|line| !line.is_multiple_of(1000))
        .map(|line| format!("line {line}: allowed as `R`\n{{\"a\":{line}}}\n"))
        .collect();
    assert!(String::from_utf8(output.stdout).unwrap() == expected, "the answers differ");
    let errors = String::from_utf8(output.stderr).unwrap();
    let places: Vec<&str> = errors.lines().filter(|line| line.contains("-->")).collect();
    assert_eq!(places.len(), 50);
    assert_eq!((places[0], places[49]), ("  --> <standard input>:1000:7", "  --> <standard input>:50000:7"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn each_decision_is_printed_before_the_next_document_is_read() {
    use std::io::{BufRead, BufReader};

    let mut child = reading();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for (text, line) in [("{\"a\": 1}\n", 1), ("{\"a\": 2}\n{\"a\":\n", 2), ("3}\n", 3)] {
        stdin.write_all(text.as_bytes()).unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), format!("line {line}: allowed as `R`"));
        assert_eq!(answers.next().unwrap().unwrap(), format!("{{\"a\":{line}}}"));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_rewritten_file_keeps_its_permissions_and_symlinks() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    let directory = std::env::temp_dir().join(format!("portcullis-fmt-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let (file, link) = (directory.join("rules.json"), directory.join("link.json"));
    fs::write(&file, r#"{"roles":[]}"#).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    let format = |path: &std::path::Path| {
        Command::new(env!("CARGO_BIN_EXE_portcullis")).args(["fmt", "--write"]).arg(path).output().unwrap()
    };
    assert!(format(&link).status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "{ \"roles\": [] }\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing is left behind");
    fs::remove_dir_all(&directory).unwrap();
}
