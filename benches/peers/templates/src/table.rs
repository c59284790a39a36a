//! The results, as a printed table and as JSON.

use std::collections::HashMap;

use portcullis_clock::median;
use serde::Serialize;

use crate::engines::{self, Output};
use crate::race::Cell;

const LOCK: &str = include_str!("../../Cargo.lock");

/// The result for one engine, output and number of users.
#[derive(Serialize)]
pub struct Row {
    engine: &'static str,
    /// The name of the way in which the engine is used, if there are several.
    variant: Option<&'static str>,
    version: &'static str,
    output: &'static str,
    n: usize,
    ns_per_user: f64,
    #[serde(skip)]
    contender: usize,
}

/// The version of an engine's crate, from the lock file; empty for hand-written code.
fn version_of(engine: &str) -> &'static str {
    let line = format!("name = \"{engine}\"");
    let version = LOCK.lines().skip_while(|other| *other != line).nth(1).and_then(|line| line.split('"').nth(1));
    version.unwrap_or_default()
}

pub fn rows(times: &mut HashMap<Cell, Vec<f64>>) -> Vec<Row> {
    let mut cells: Vec<_> = times.iter_mut().collect();
    cells.sort_by_key(|(cell, _)| (cell.output.name(), cell.contender, cell.n));
    let row = |(cell, times): (&Cell, &mut Vec<f64>)| {
        let used = &engines::ALL[cell.contender];
        Row {
            engine: used.engine,
            variant: used.variant,
            version: version_of(used.engine),
            output: cell.output.name(),
            n: cell.n,
            ns_per_user: (median(times) * 10.0).round() / 10.0,
            contender: cell.contender,
        }
    };
    cells.into_iter().map(row).collect()
}

pub fn to_json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("JSON") + "\n"
}

pub fn print(rows: &[Row], sizes: &[usize]) {
    println!("Nanoseconds of CPU time for a user; in brackets how many times those of {}.", engines::ALL[0].engine);
    for output in Output::ALL.map(Output::name) {
        let heads: String = sizes.iter().map(|n| format!("{n:>20}")).collect();
        println!("\n{:<36}{heads}", format!("to {output}"));
        for (contender, used) in engines::ALL.iter().enumerate() {
            let of =
                |contender, n| rows.iter().find(|row| (row.contender, row.output, row.n) == (contender, output, n));
            let cell = |n: &usize| {
                let (row, ours) = (of(contender, *n)?, of(0, *n)?);
                let ratio = format!("({:.2})", row.ns_per_user / ours.ns_per_user);
                Some(format!("{:>20}", format!("{:.0} {ratio:>8}", row.ns_per_user)))
            };
            if let Some(cells) = sizes.iter().map(cell).collect::<Option<String>>() {
                let variant = used.variant.map(|variant| format!(", {variant}")).unwrap_or_default();
                println!("{:<36}{cells}", format!("{} {}{variant}", used.engine, version_of(used.engine)));
            }
        }
    }
}
