//! The commands of the README and of the documentation do what it says they do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const PAGES: [&str; 9] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../docs/architecture.md"),
    include_str!("../../../../docs/benchmarks.md"),
    include_str!("../../../../docs/collections.md"),
    include_str!("../../../../docs/decisions.md"),
    include_str!("../../../../docs/language.md"),
    include_str!("../../../../docs/login.md"),
    include_str!("../../../../docs/templates.md"),
    include_str!("../../../../docs/testing-rules.md"),
];

/// The commands of blocks of shell that need neither a server nor a build, in their order.
fn commands() -> Vec<String> {
    let blocks =
        PAGES.iter().flat_map(|page| page.split("```sh\n").skip(1)).filter_map(|rest| rest.split("```").next());
    let alone = blocks.filter(|block| !block.contains("mongodb://"));
    let lines = alone.flat_map(str::lines).map(|line| line.replace("cargo run --release --", "portcullis"));
    lines.filter(|line| line.starts_with("portcullis ")).collect()
}

#[test]
fn every_command_of_the_pages_that_needs_no_server_succeeds() {
    let directory = env::temp_dir().join(format!("portcullis-readme-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).unwrap();
    symlink(portcullis_testkit::root().join("fixtures"), directory.join("fixtures")).unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent().unwrap();
    let mut path = OsString::from(binaries);
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let commands = commands();
    for command in &commands {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&directory).env("PATH", &path);
        for variable in ["PORTCULLIS_MONGODB_URI", "PORTCULLIS_STATE", "PORTCULLIS_STORE"] {
            shell.env_remove(variable);
        }
        let output = shell.output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "{command}\n{said}");
    }
    fs::remove_dir_all(&directory).unwrap();
    assert!(commands.len() > 5, "the pages lost their commands");
}
