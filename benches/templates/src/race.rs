//! One measurement: an engine, an output and a number of users.

use std::hint::black_box;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
use crate::engines::{self, Output};
use crate::users::User;

/// So many users are in memory at once: many more than any cache holds.
const PART: usize = 50_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Its place among [`engines::ALL`].
    pub contender: usize,
    pub output: Output,
    pub n: usize,
}

/// What one run of a cell gave.
#[derive(Clone, Serialize, Deserialize)]
pub struct Run {
    pub ns_per_user: f64,
    /// Of all results, in order: engines that agree in it wrote the same values.
    pub hash: u64,
    /// The length of all results, for whoever wonders.
    pub bytes: usize,
}

/// A measurement under way, as an engine sees it.
pub struct Race {
    output: Output,
    n: usize,
    stopwatch: Stopwatch,
    hash: u64,
    bytes: usize,
}

impl Race {
    /// Makes the engine's value of each user, and times what writes the result for it. The results are looked at in a pass
    /// that is not timed.
    pub fn run<U>(&mut self, prepare: impl Fn(&User) -> U, mut resolve: impl FnMut(&U, &mut Vec<u8>)) {
        for start in (0..self.n).step_by(PART) {
            let users: Vec<U> = (start..self.n.min(start + PART)).map(|number| prepare(&User::new(number))).collect();
            let mut out = Vec::new();
            self.stopwatch.measure(users.len(), |at| {
                out.clear();
                resolve(&users[at], &mut out);
                black_box(&out);
            });
            for user in &users {
                out.clear();
                resolve(user, &mut out);
                self.bytes += out.len();
                for byte in canonical(self.output, &out) {
                    // FNV-1a.
                    self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
            }
        }
    }
}

/// The same for results that are the same value, however it was written.
fn canonical(output: Output, result: &[u8]) -> Vec<u8> {
    match output {
        Output::Json => {
            let value: serde_json::Value = serde_json::from_slice(result).expect("JSON");
            value.to_string().into_bytes()
        }
        Output::Bson => {
            let document: bson::Document = bson::deserialize_from_slice(result).expect("BSON");
            bson::Bson::Document(document).into_relaxed_extjson().to_string().into_bytes()
        }
        Output::Text => result.to_owned(),
    }
}

impl Cell {
    /// Measures it here and now.
    pub fn measure(self) -> Run {
        let Self { contender, output, n } = self;
        let mut race = Race { output, n, stopwatch: Stopwatch::new(n), hash: 0xcbf2_9ce4_8422_2325, bytes: 0 };
        (engines::ALL[contender].race)(output, &mut race);
        Run { ns_per_user: race.stopwatch.finish(), hash: race.hash, bytes: race.bytes }
    }

    /// Measures it in a process of its own, so that only one engine's values are in memory.
    pub fn measure_apart(self) -> Run {
        let itself = std::env::current_exe().expect("this program");
        let output = Command::new(itself)
            .args(["--cell", &self.contender.to_string(), self.output.name(), &self.n.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("a process");
        assert!(output.status.success(), "{self:?} ended with {}", output.status);
        serde_json::from_slice(&output.stdout).expect("a measurement")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_writes_the_same() {
        for output in Output::ALL {
            let runs = engines::ALL.iter().enumerate().filter(|(_, used)| used.outputs.contains(&output));
            let hash = |contender| Cell { contender, output, n: 300 }.measure().hash;
            for (contender, used) in runs {
                assert_eq!(hash(contender), hash(0), "{} to {}", used.engine, output.name());
            }
        }
    }

    /// What is written as BSON is the document that is written as JSON.
    #[test]
    fn json_and_bson_are_the_same_document() {
        let hash = |output| Cell { contender: 0, output, n: 300 }.measure().hash;
        assert_eq!(hash(Output::Json), hash(Output::Bson));
    }
}
