//! A single measurement: an engine, a decision, a form and a number of documents.

use std::fmt;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
use crate::decisions::{Decision, Tier};
use crate::documents::{Documents, Form};
use crate::engines::{self, Contender};

/// The maximum memory for prepared documents; more of them are processed in chunks.
const MEMORY: usize = 6 << 30;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The index in [`engines::all`].
    pub contender: usize,
    pub decision: Decision,
    pub tier: Tier,
    pub n: usize,
}

/// The result of one run of a cell.
#[derive(Clone, Serialize, Deserialize)]
pub struct Run {
    pub ns_per_document: f64,
    pub allowed: usize,
    pub hash: u64,
    pub chunks: usize,
}

impl Cell {
    /// Measures the cell in this process.
    pub fn measure(self) -> Run {
        let contender = &engines::all()[self.contender];
        let chunk = self.chunk(contender);
        let form = if self.tier == Tier::Json { Form::Json } else { Form::Bson };
        let mut stopwatch = Stopwatch::new(self.n);
        let starts: Vec<usize> = (0..self.n).step_by(chunk).collect();
        for start in &starts {
            let end = self.n.min(start + chunk);
            let documents = Documents::generate(*start..end, form, self.decision == Decision::C);
            (contender.race)(self.decision, self.tier, &documents, &mut stopwatch);
        }
        let measured = stopwatch.finish();
        Run {
            ns_per_document: measured.ns_per_document,
            allowed: measured.allowed,
            hash: measured.hash,
            chunks: starts.len(),
        }
    }

    /// How many documents are in memory at once.
    fn chunk(self, contender: &Contender) -> usize {
        let documents = if self.decision == Decision::C { 2 } else { 1 };
        match self.tier {
            Tier::Prepared => self.n.div_ceil((self.n * documents * contender.prepared_bytes).div_ceil(MEMORY)),
            Tier::Bson | Tier::Json => self.n,
        }
    }

    /// Measures the cell in a separate process.
    pub fn measure_apart(self) -> Run {
        let itself = std::env::current_exe().expect("this program");
        let output = Command::new(itself)
            .args(["--cell", &self.contender.to_string(), self.decision.name(), self.tier.name(), &self.n.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("a process");
        assert!(output.status.success(), "{self} ended with {}", output.status);
        serde_json::from_slice(&output.stdout).expect("a measurement")
    }
}

impl Run {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("JSON")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contender { engine, variant, .. } = &engines::all()[self.contender];
        write!(f, "{engine}")?;
        if let Some(variant) = variant {
            write!(f, ", {variant}")?;
        }
        write!(f, ", ({}), {}", self.decision.name(), self.tier.name())
    }
}
