//! Runs commands for users and tokens with a temporary state directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::command_output::CommandOutput;

pub(crate) const APP: &str = "fixtures/apps/employees";
pub(crate) const KEN: &str = "65a0000000000000000000b2";

/// A temporary directory for users and keys, removed on drop, and the commands that use it.
pub(crate) struct State(PathBuf);

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

    /// Runs a command. In its output, the path of the directory is replaced by `<directory>`.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(self.command(arguments).output().unwrap()).redacted(&self.path(""), "<directory>/")
    }

    /// Runs a command that must succeed; returns its JSON output.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.exit, 0, "{arguments:?}\n{said}");
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Runs a command that must exit with this code; returns its JSON output.
    pub(crate) fn json_of(&self, arguments: &[&str], exit: i32) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.exit, exit, "{arguments:?}\n{said}");
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Runs a command that must exit with this code and write this text to standard error.
    pub(crate) fn fails(&self, arguments: &[&str], exit: i32, text: &str) {
        let said = self.run(arguments);
        assert_eq!(said.exit, exit, "{arguments:?}\n{said}");
        assert!(said.stderr.contains(text), "no {text:?} in: {said}");
    }

    /// Imports the exported users and logs Ken in; returns the path of the file with his tokens.
    pub(crate) fn log_in(&self, custom_data: &str) -> String {
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

pub(crate) const LOGIN: [&str; 6] = [
    "login",
    "fixtures/apps/employees/example/ken.jwt",
    "--app",
    APP,
    "--jwks",
    "fixtures/apps/employees/example/jwks.json",
];

/// The text that precedes the age of a user object.
pub(crate) const AGE: [&str; 1] = ["from the access token, "];

pub(crate) fn example(name: &str) -> String {
    format!("{APP}/example/{name}")
}
