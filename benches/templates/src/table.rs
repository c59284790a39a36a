//! The rows: as a table to read and as JSON.

use std::collections::HashMap;

use serde::Serialize;

use crate::clock::median;
use crate::engines::{self, Output};
use crate::race::{Cell, Run};

const LOCK: &str = include_str!("../Cargo.lock");

/// What was measured of one engine for one output and number of users.
#[derive(Serialize)]
pub struct Row {
    engine: &'static str,
    version: &'static str,
    output: &'static str,
    n: usize,
    ns_per_user: f64,
    /// The mean length of a result.
    bytes: usize,
    #[serde(skip)]
    hash: u64,
}

/// The version of an engine's crate, as the lock file has it; of code by hand that of the BSON library, which it reads users with.
fn version_of(engine: &str) -> &'static str {
    let line = format!("name = \"{}\"", if engine == "hand-written" { "bson" } else { engine });
    let version = LOCK.lines().skip_while(|other| *other != line).nth(1).and_then(|line| line.split('"').nth(1));
    version.expect("a locked package")
}

pub fn rows(runs: &HashMap<Cell, Vec<Run>>) -> Vec<Row> {
    let mut cells: Vec<(&Cell, &Vec<Run>)> = runs.iter().collect();
    cells.sort_by_key(|(cell, _)| (cell.output.name(), cell.contender, cell.n));
    let row = |(cell, runs): (&Cell, &Vec<Run>)| {
        let (first, engine) = (&runs[0], engines::ALL[cell.contender].engine);
        assert!(runs.iter().all(|run| run.hash == first.hash), "{engine} writes something else the next time");
        let mut times: Vec<f64> = runs.iter().map(|run| run.ns_per_user).collect();
        Row {
            engine,
            version: version_of(engine),
            output: cell.output.name(),
            n: cell.n,
            ns_per_user: (median(&mut times) * 10.0).round() / 10.0,
            bytes: first.bytes / cell.n,
            hash: first.hash,
        }
    };
    cells.into_iter().map(row).collect()
}

/// The row of Portcullis that a row is put in relation to.
fn yardstick<'r>(rows: &'r [Row], row: &Row) -> Option<&'r Row> {
    rows.iter().find(|other| other.engine == engines::ALL[0].engine && (other.output, other.n) == (row.output, row.n))
}

/// An engine that did not write what the others wrote.
pub fn disagreement(rows: &[Row]) -> Option<String> {
    let other = rows.iter().find(|row| yardstick(rows, row).is_some_and(|ours| ours.hash != row.hash))?;
    Some(format!("{} writes another {} for {} users", other.engine, other.output, other.n))
}

pub fn to_json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("JSON") + "\n"
}

pub fn print(rows: &[Row], sizes: &[usize]) {
    println!("Nanoseconds of CPU time for a user; in brackets how many times those of {}.", engines::ALL[0].engine);
    for output in Output::ALL.map(Output::name) {
        let heads: String = sizes.iter().map(|n| format!("{n:>20}")).collect();
        println!("\n{:<30}{heads}", format!("to {output}"));
        for engine in engines::ALL.iter().map(|contender| contender.engine) {
            let cells: String = rows
                .iter()
                .filter(|row| row.engine == engine && row.output == output)
                .map(|row| {
                    let ratio = yardstick(rows, row).map_or(f64::NAN, |ours| row.ns_per_user / ours.ns_per_user);
                    format!("{:>20}", format!("{:.0} {:>8}", row.ns_per_user, format!("({ratio:.2})")))
                })
                .collect();
            if !cells.is_empty() {
                println!("{:<30}{cells}", format!("{engine} {}", version_of(engine)));
            }
        }
    }
}
