//! The commands of the README and of the documentation do what it says they do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const PAGES: [(&str, &str); 9] = [
    ("README.md", include_str!("../../../../README.md")),
    ("architecture.md", include_str!("../../../../docs/architecture.md")),
    ("benchmarks.md", include_str!("../../../../docs/benchmarks.md")),
    ("collections.md", include_str!("../../../../docs/collections.md")),
    ("decisions.md", include_str!("../../../../docs/decisions.md")),
    ("language.md", include_str!("../../../../docs/language.md")),
    ("login.md", include_str!("../../../../docs/login.md")),
    ("templates.md", include_str!("../../../../docs/templates.md")),
    ("testing-rules.md", include_str!("../../../../docs/testing-rules.md")),
];

/// The ways in which the pages start the command.
const FROM_SOURCE: [&str; 2] = ["cargo run --no-default-features -- ", "cargo run -- "];

/// The commands in a page's blocks of shell that need neither MongoDB nor a build, in order. Servers, which do not end by
/// themselves, are tested elsewhere.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let alone = blocks.filter(|block| !block.contains("mongodb://"));
    alone
        .flat_map(str::lines)
        .map(|line| FROM_SOURCE.iter().fold(line.to_owned(), |line, way| line.replace(way, "portcullis ")))
        .filter(|line| line.starts_with("portcullis ") || line.contains("| portcullis "))
        .filter(|line| !line.starts_with("portcullis serve "))
        .collect()
}

/// Runs the commands of a page in a directory of their own.
fn run(page: &str, commands: &[String]) {
    let directory = env::temp_dir().join(format!("portcullis-{page}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    symlink(portcullis_testkit::root().join("fixtures"), directory.join("fixtures")).unwrap();
    fs::write(directory.join("typed"), "a password\n").unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    let mut path = OsString::from(binaries);
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    for command in commands {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&directory).env("PATH", &path);
        shell.stdin(fs::File::open(directory.join("typed")).unwrap());
        for variable in ["PORTCULLIS_MONGODB_URI", "PORTCULLIS_STATE", "PORTCULLIS_STORE"] {
            shell.env_remove(variable);
        }
        let output = shell.output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "{page}: {command}\n{said}");
    }
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn every_command_of_the_pages_that_needs_no_server_succeeds() {
    for (page, text) in PAGES {
        let commands = commands(text);
        let expected = match page {
            "architecture.md" | "benchmarks.md" | "decisions.md" => 0,
            _ => 4,
        };
        assert!(commands.len() >= expected, "{page} lost its commands");
        run(page, &commands);
    }
}
