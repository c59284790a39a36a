//! The results, as a printed table and as JSON.

use std::collections::HashMap;

use serde::Serialize;

use crate::cells::{Cell, Run};
use crate::clock::median;
use crate::decisions::{Decision, Tier};
use crate::engines::{self, REDACTION};
use crate::versions::{HAND_WRITTEN, version_of};

/// The contender to which the others are compared.
pub const YARDSTICK: &str = "portcullis";

/// The result for one engine, decision, form and number of documents.
#[derive(Serialize)]
pub struct Row {
    engine: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
    version: &'static str,
    decision: &'static str,
    tier: &'static str,
    n: usize,
    ns_per_document: f64,
    allowed: usize,
    /// The number of chunks into which the documents were divided because their prepared values would need too much
    /// memory.
    #[serde(skip_serializing_if = "is_one")]
    chunks: usize,
    #[serde(skip)]
    hash: u64,
}

const fn is_one(chunks: &usize) -> bool {
    *chunks == 1
}

impl Row {
    fn is_redaction(&self) -> bool {
        self.variant == Some(REDACTION)
    }

    /// Whether both are comparable: the same decision on the same documents, with or without writing the visible
    /// part.
    fn same_race(&self, other: &Self) -> bool {
        (self.decision, self.tier, self.n, self.is_redaction())
            == (other.decision, other.tier, other.n, other.is_redaction())
    }

    fn same_answers(&self, other: &Self) -> bool {
        // The output is measured in fields or in bytes, depending on the tier.
        self.decision == other.decision
            && self.n == other.n
            && self.is_redaction() == other.is_redaction()
            && (!self.is_redaction() || self.tier == other.tier)
    }

    fn name(&self) -> String {
        let mut name = self.engine.to_owned();
        if self.engine != HAND_WRITTEN {
            name = format!("{name} {}", self.version);
        }
        match self.variant {
            Some(variant) => format!("{name}, {variant}"),
            None => name,
        }
    }
}

pub fn rows(cells: &[Cell], sizes: &[usize], runs: &HashMap<Cell, Vec<Run>>) -> Vec<Row> {
    let mut rows = Vec::new();
    let contenders = engines::all();
    for cell in cells {
        for n in sizes {
            let Some(runs) = runs.get(&Cell { n: *n, ..*cell }) else { continue };
            let contender = &contenders[cell.contender];
            let first = &runs[0];
            assert!(runs.iter().all(|run| run.hash == first.hash), "{cell} answers otherwise the next time");
            let mut times: Vec<f64> = runs.iter().map(|run| run.ns_per_document).collect();
            rows.push(Row {
                engine: contender.engine,
                variant: contender.variant,
                version: version_of(contender.engine),
                decision: cell.decision.name(),
                tier: cell.tier.name(),
                n: *n,
                ns_per_document: (median(&mut times) * 10.0).round() / 10.0,
                allowed: first.allowed,
                chunks: first.chunks,
                hash: first.hash,
            });
        }
    }
    rows
}

/// The contenders whose answers differ from those of the yardstick.
pub fn disagreements(rows: &[Row]) -> Vec<String> {
    let mut disagreements = Vec::new();
    for row in rows {
        let yardstick = rows.iter().find(|other| other.engine == YARDSTICK && other.same_answers(row));
        if let Some(yardstick) = yardstick
            && yardstick.hash != row.hash
        {
            disagreements.push(format!(
                "{} allows {} of {} documents in ({}) from {}, not the {} that {YARDSTICK} allows",
                row.name(),
                row.allowed,
                row.n,
                row.decision,
                row.tier,
                yardstick.allowed
            ));
        }
    }
    disagreements
}

pub fn to_json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("JSON") + "\n"
}

pub fn print(rows: &[Row]) {
    let mut sizes: Vec<usize> = rows.iter().map(|row| row.n).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let head = |n: usize| if n == 1 { "1, hot".to_owned() } else { grouped(n) };
    let heads: String = sizes.iter().map(|n| format!("{:>20}", head(*n))).collect();
    println!("Nanoseconds of CPU time for a document; in brackets how many times those of {YARDSTICK}.");
    for decision in Decision::ALL.map(Decision::name) {
        for tier in Tier::ALL.map(Tier::name) {
            let of_table: Vec<&Row> = rows.iter().filter(|row| row.decision == decision && row.tier == tier).collect();
            if of_table.is_empty() {
                continue;
            }
            println!("\n{:<40}{heads}", format!("({decision}) from {}", form(tier)));
            let allowed: String = sizes
                .iter()
                .filter_map(|n| of_table.iter().find(|row| row.n == *n))
                .map(|row| format!("{:>20}", format!("{} %", row.allowed * 100 / row.n)))
                .collect();
            println!("{:<40}{allowed}", "  of which are allowed");
            for line in of_table.iter().filter(|row| row.n == sizes[0]) {
                let cells = of_table.iter().filter(|row| row.engine == line.engine && row.variant == line.variant);
                let cells: String = cells.map(|row| format!("{:>20}", time(row, rows))).collect();
                println!("{:<40}{cells}", line.name());
            }
        }
    }
    if rows.iter().any(|row| row.chunks > 1) {
        println!("\n* In several parts, as the prepared values of all take too much memory.");
    }
}

fn time(row: &Row, rows: &[Row]) -> String {
    let yardstick = rows.iter().find(|other| other.engine == YARDSTICK && other.same_race(row));
    let ratio = match yardstick {
        Some(yardstick) => format!("({:.2})", row.ns_per_document / yardstick.ns_per_document),
        None => String::new(),
    };
    let mark = if row.chunks > 1 { "*" } else { "" };
    format!("{:.0}{mark} {ratio:>8}", row.ns_per_document)
}

fn form(tier: &str) -> &'static str {
    match tier {
        "prepared" => "prepared values",
        "bson" => "BSON bytes",
        _ => "JSON text",
    }
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
