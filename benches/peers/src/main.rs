//! A benchmark in which Portcullis, other engines and hand-written code make the same decisions on the same
//! documents.
//!
//! Each combination of engine, decision, form and number of documents is measured in a separate process, so that only
//! one engine's values are in memory; the processes take turns, round after round, so that other work on the machine
//! affects them equally. The results to quote are the ratios to Portcullis.

// A benchmark that cannot be set up fails by panicking.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(test)]
mod agreement;
mod arguments;
mod cells;
mod clock;
mod decisions;
mod documents;
mod engines;
mod fields;
mod table;
mod versions;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use arguments::{Arguments, Request};
use cells::{Cell, Run};
use decisions::{Decision, Tier};

/// The numbers of documents: one, many that fit into the CPU caches, and many that do not.
const SIZES: [usize; 3] = [1, 10_000, 1_000_000];

/// The number of rounds for each size.
const ROUNDS: [usize; 3] = [5, 3, 2];

/// An engine that takes longer than this per document is measured only once with a million documents, and a second
/// variant of the same engine not at all.
const SLOW_NS: f64 = 2_000.0;

const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers.json");

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Request::Help) => print!("{}", arguments::HELP),
        Ok(Request::Cell(cell)) => println!("{}", cell.measure().to_json()),
        Ok(Request::Race(arguments)) => return race(&arguments),
        Err(error) => {
            eprintln!("error: {error}; --help shows what there is");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn race(arguments: &Arguments) -> ExitCode {
    let cells = chosen(arguments);
    let shows_progress = std::io::stderr().is_terminal();
    let sizes = if arguments.quick { &SIZES[..2] } else { &SIZES };
    let mut runs: HashMap<Cell, Vec<Run>> = HashMap::new();
    for (size, rounds) in sizes.iter().zip(ROUNDS) {
        let rounds = if arguments.quick { 1 } else { rounds };
        for round in 1..=rounds {
            for cell in &cells {
                let faster = Cell { n: SIZES[1], ..*cell };
                let is_slow = *size > SIZES[1] && runs[&faster].iter().any(|run| run.ns_per_document > SLOW_NS);
                if is_slow && (round > 1 || engines::all()[cell.contender].variant == Some(engines::NAMED)) {
                    continue;
                }
                let cell = Cell { n: *size, ..*cell };
                if shows_progress {
                    eprint!("\r\x1b[K{size} documents, round {round} of {rounds}: {cell}");
                }
                runs.entry(cell).or_default().push(cell.measure_apart());
            }
        }
    }
    if shows_progress {
        eprint!("\r\x1b[K");
    }
    let rows = table::rows(&cells, sizes, &runs);
    table::print(&rows);
    let disagreements = table::disagreements(&rows);
    for disagreement in &disagreements {
        eprintln!("error: {disagreement}");
    }
    if !disagreements.is_empty() {
        return ExitCode::FAILURE;
    }
    let path = Path::new(OUTPUT);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory for the rows");
    std::fs::write(path, table::to_json(&rows)).expect("a file for the rows");
    println!("\nThe rows are in target/peers.json.");
    ExitCode::SUCCESS
}

/// The selected cells, in the order in which they take turns.
fn chosen(arguments: &Arguments) -> Vec<Cell> {
    let mut cells = Vec::new();
    for decision in Decision::ALL {
        for tier in Tier::ALL {
            for (contender, used) in engines::all().iter().enumerate() {
                let cell = Cell { contender, decision, tier, n: SIZES[0] };
                if (used.runs)(decision, tier) && arguments.wants(&cell, used) {
                    cells.push(cell);
                }
            }
        }
    }
    cells
}
