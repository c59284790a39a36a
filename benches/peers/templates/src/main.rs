//! A benchmark in which Portcullis, template engines and hand-written code resolve the same templates for the same
//! users.
//!
//! Before anything is timed, all have to produce the same results. Each combination of engine, output and number of
//! users is measured in a separate process; the processes take turns, round after round, so that other work on the
//! machine affects them equally. The results to quote are the ratios to Portcullis.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod engines;
mod race;
mod table;
mod users;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use engines::Output;
use race::Cell;

/// The numbers of users: one, many, and far more than fit into the CPU caches.
const SIZES: [usize; 3] = [1, 10_000, 1_000_000];

/// The number of rounds for each size.
const ROUNDS: [usize; 3] = [5, 3, 2];

const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/templates.json");

const HELP: &str = "\
A race: the same templates for the same users by Portcullis, by template engines and by code written by hand.

Usage: cargo run --release --manifest-path benches/peers/templates/Cargo.toml [-- OPTIONS]

Prints a table of nanoseconds of CPU time for a user, with the ratio to Portcullis, and writes the rows to
target/templates.json. It takes some ten minutes.

Options:
      --check    Only see that all write the same; time nothing
      --quick    Only 1 and 10,000 users, one round
  -h, --help     Show this
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => race(&SIZES, &ROUNDS),
        ["--quick"] => race(&SIZES[..2], &[1, 1]),
        ["--check"] => race::agree(),
        ["-h" | "--help"] => print!("{HELP}"),
        ["--cell", contender, output, n] => {
            let output = Output::ALL.into_iter().find(|known| known.name() == *output).expect("an output");
            let cell =
                Cell { contender: contender.parse().expect("a number"), output, n: n.parse().expect("a number") };
            println!("{}", cell.measure());
        }
        _ => {
            eprintln!("error: unknown arguments; --help shows what there is");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn race(sizes: &[usize], rounds: &[usize]) {
    race::agree();
    let mut times: HashMap<Cell, Vec<f64>> = HashMap::new();
    for (n, rounds) in sizes.iter().zip(rounds) {
        for _ in 0..*rounds {
            for (contender, used) in engines::ALL.iter().enumerate() {
                for output in used.outputs {
                    let cell = Cell { contender, output: *output, n: *n };
                    times.entry(cell).or_default().push(cell.measure_apart());
                }
            }
        }
    }
    let rows = table::rows(&mut times);
    table::print(&rows, sizes);
    let path = Path::new(OUTPUT);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory for the rows");
    std::fs::write(path, table::to_json(&rows)).expect("a file for the rows");
    println!("\nThe rows are in target/templates.json.");
}
