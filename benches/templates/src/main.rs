//! A race: the same templates for the same users by Portcullis, by template engines and by code written by hand.
//!
//! Each engine, output and number of users is measured in a process of its own, so that only one engine's values are in
//! memory; the processes take turns, round after round, so that whatever else the machine does meets all alike.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod clock;
mod engines;
mod race;
mod table;
mod users;

use std::collections::HashMap;
use std::process::ExitCode;

use engines::Output;
use race::{Cell, Run};

/// How many users there are: one in the caches, many, and many more than a cache holds.
const SIZES: [usize; 3] = [1, 10_000, 1_000_000];

/// How often the measurements of a size are repeated.
const ROUNDS: [usize; 3] = [5, 3, 2];

const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/templates.json");

const HELP: &str = "\
A race: the same templates for the same users by Portcullis, by template engines and by code written by hand.

Usage: cargo run --release --manifest-path benches/templates/Cargo.toml [-- OPTIONS]

Prints a table of nanoseconds of CPU time for a user, with the ratio to Portcullis, and writes the rows to
target/templates.json. It takes a few minutes.

Options:
      --quick    Only 1 and 10,000 users, one round
  -h, --help     Show this
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => race(&SIZES, &ROUNDS),
        ["--quick"] => race(&SIZES[..2], &[1, 1]),
        ["-h" | "--help"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["--cell", contender, output, n] => {
            let output = Output::ALL.into_iter().find(|known| known.name() == *output).expect("an output");
            let cell =
                Cell { contender: contender.parse().expect("a number"), output, n: n.parse().expect("a number") };
            println!("{}", serde_json::to_string(&cell.measure()).expect("JSON"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("error: unknown arguments; --help shows what there is");
            ExitCode::from(2)
        }
    }
}

fn race(sizes: &[usize], rounds: &[usize]) -> ExitCode {
    let mut runs: HashMap<Cell, Vec<Run>> = HashMap::new();
    for (n, rounds) in sizes.iter().zip(rounds) {
        for _ in 0..*rounds {
            for (contender, used) in engines::ALL.iter().enumerate() {
                for output in used.outputs {
                    let cell = Cell { contender, output: *output, n: *n };
                    runs.entry(cell).or_default().push(cell.measure_apart());
                }
            }
        }
    }
    let rows = table::rows(&runs);
    table::print(&rows, sizes);
    if let Some(disagreement) = table::disagreement(&rows) {
        eprintln!("error: {disagreement}");
        return ExitCode::FAILURE;
    }
    let path = std::path::Path::new(OUTPUT);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory for the rows");
    std::fs::write(path, table::to_json(&rows)).expect("a file for the rows");
    println!("\nThe rows are in target/templates.json.");
    ExitCode::SUCCESS
}
