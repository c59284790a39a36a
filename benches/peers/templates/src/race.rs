//! What a contender does: produce results to compare, or be timed.

use std::hint::black_box;
use std::process::{Command, Stdio};

use portcullis_clock::Stopwatch;

use crate::engines::{self, Output};
use crate::users::User;

/// The number of users in memory at once, whose data is far larger than the CPU caches.
const PART: usize = 50_000;

/// The number of users whose results are compared before anything is timed.
const LOOKED_AT: usize = 300;

/// What a contender is asked to do.
pub enum Race {
    /// Produce the results for the first users.
    Results(Vec<Vec<u8>>),
    /// Be timed for this many users.
    Time(usize, Stopwatch),
}

impl Race {
    /// Creates the engine's value for each user, and times writing the result for it.
    pub fn run<U>(&mut self, prepare: impl Fn(User) -> U, mut resolve: impl FnMut(&U, &mut Vec<u8>)) {
        let users = |from, to| (from..to).map(|number| prepare(User::new(number)));
        match self {
            Self::Results(results) => results.extend(users(0, LOOKED_AT).map(|user| {
                let mut out = Vec::new();
                resolve(&user, &mut out);
                out
            })),
            Self::Time(n, stopwatch) => {
                let mut out = Vec::new();
                for start in (0..*n).step_by(PART) {
                    let users: Vec<U> = users(start, (*n).min(start + PART)).collect();
                    stopwatch.measure(users.len(), |at| {
                        out.clear();
                        resolve(&users[at], &mut out);
                        black_box(&out);
                    });
                }
            }
        }
    }
}

/// A measurement: an engine (as an index in [`engines::ALL`]), an output and a number of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    pub contender: usize,
    pub output: Output,
    pub n: usize,
}

impl Cell {
    /// Measures the nanoseconds per user in this process.
    pub fn measure(self) -> f64 {
        let mut race = Race::Time(self.n, Stopwatch::new(self.n));
        (engines::ALL[self.contender].race)(self.output, &mut race);
        let Race::Time(_, stopwatch) = race else { panic!("it is timed") };
        stopwatch.finish()
    }

    /// Like [`measure`](Self::measure), in a separate process, so that only one engine's values are in memory.
    pub fn measure_apart(self) -> f64 {
        let itself = std::env::current_exe().expect("this program");
        let output = Command::new(itself)
            .args(["--cell", &self.contender.to_string(), self.output.name(), &self.n.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("a process");
        assert!(output.status.success(), "{self:?} ended with {}", output.status);
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a time")
    }
}

/// A canonical form of a result, equal for results with the same value, however they are written.
fn canonical(output: Output, result: &[u8]) -> String {
    match output {
        Output::Json => serde_json::from_slice::<serde_json::Value>(result).expect("JSON").to_string(),
        Output::Bson => {
            let document: bson::Document = bson::deserialize_from_slice(result).expect("BSON");
            bson::Bson::Document(document).into_relaxed_extjson().to_string()
        }
        Output::Text => String::from_utf8(result.to_owned()).expect("text"),
    }
}

/// Asserts that all engines produce the same results, and the same document as JSON and as BSON.
///
/// # Panics
/// The results of two engines differ.
pub fn agree() {
    let results = |contender: usize, output| {
        let mut race = Race::Results(Vec::new());
        (engines::ALL[contender].race)(output, &mut race);
        let Race::Results(results) = race else { panic!("they are results") };
        results.iter().map(|result| canonical(output, result)).collect::<Vec<_>>()
    };
    for (output, yardstick) in
        [(Output::Json, Output::Json), (Output::Bson, Output::Json), (Output::Text, Output::Text)]
    {
        let expected = results(0, yardstick);
        assert_eq!(expected.len(), LOOKED_AT);
        for (contender, used) in engines::ALL.iter().enumerate().filter(|(_, used)| used.outputs.contains(&output)) {
            for (number, (one, other)) in results(contender, output).iter().zip(&expected).enumerate() {
                assert_eq!(one, other, "{} to {}, user {number}", used.engine, output.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_engine_writes_the_same_output() {
        super::agree();
    }
}
