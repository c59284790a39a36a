//! Tests of the command line: `fixtures/cli` contains arguments, input, exit code and expected output. A case with
//! `only` runs only if the documents are stored in a file.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The environment variable that tells the command where documents are stored, and its value.
pub type Kept<'k> = Option<(&'static str, &'k OsStr)>;

fn run(binary: &str, case: &Value, kept: Kept<'_>) -> Output {
    let arguments = case["arguments"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    let mut child = Command::new(binary)
        .args(arguments)
        .envs(kept)
        .current_dir(crate::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Fails if the command exits without reading its input.
    let _ = child.stdin.take().unwrap().write_all(case["stdin"].as_str().unwrap_or_default().as_bytes());
    child.wait_with_output().unwrap()
}

fn texts<'c>(case: &'c Value, key: &str) -> Vec<&'c str> {
    case[key].as_array().map_or_else(Vec::new, |list| list.iter().map(|text| text.as_str().unwrap()).collect())
}

/// The cases of a file that have been run.
pub struct Checked {
    /// The number of cases.
    pub cases: usize,
    /// The output of all cases, for a snapshot: for each, its name, the exit code and every output that is not empty.
    pub transcript: String,
}

/// Runs the command for all cases of a file and checks the results.
pub fn check(binary: &str, file: &str, kept: Kept<'_>) -> Checked {
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut checked = Checked { cases: 0, transcript: String::new() };
    for case in cases {
        let name = case["name"].as_str().unwrap();
        if case.get("only").is_some() && kept.is_some_and(|(variable, _)| variable == "PORTCULLIS_STORE") {
            continue;
        }
        let output = run(binary, case, kept);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let shown = format!("{name}\nstdout: {stdout}\nstderr: {stderr}");
        let exit = output.status.code().unwrap_or(-1);
        checked.cases += 1;
        checked.transcript.push_str(&format!("## {name}\nexit: {exit}\n"));
        for (output, text) in
            [("stdout", &stdout), ("stderr", &stderr)].into_iter().filter(|(_, text)| !text.is_empty())
        {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            checked.transcript.push_str(&format!("{output}:\n{text}{end}"));
        }
        checked.transcript.push('\n');
        assert_eq!(output.status.code().map(i64::from), case["exit"].as_i64(), "{shown}");
        for text in texts(case, "stdout") {
            assert!(stdout.contains(text), "no {text:?} on standard output: {shown}");
        }
        for text in texts(case, "stdout_not") {
            assert!(!stdout.contains(text), "{text:?} on standard output: {shown}");
        }
        for text in texts(case, "stderr") {
            assert!(stderr.contains(text), "no {text:?} on standard error: {shown}");
        }
        assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "colour without a terminal: {shown}");
        if !case["json"].is_null() {
            assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), case["json"], "{shown}");
        }
        for (key, text) in case["json_has"].as_object().into_iter().flatten() {
            let document: Value = serde_json::from_str(&stdout).unwrap();
            assert!(document[key].to_string().contains(text.as_str().unwrap()), "{shown}");
        }
    }
    checked
}
