//! How long decisions take: the CPU time of this thread, so that whatever else the machine does is not counted.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::decisions::{Answer, is_allowed};

/// How long the passes over a set that fits the caches are repeated.
const REPEATED_FOR: Duration = Duration::from_millis(60);

/// How long one document is asked about before its time counts, and in each of the batches that count.
const BATCH: Duration = Duration::from_millis(4);
const BATCHES: usize = 9;

/// Of more documents than this nothing is left in a cache when they are gone through again: no pass has to warm up.
const REPEATED_UP_TO: usize = 100_000;

/// How often so many are gone through in one process, for making the prepared values takes much longer than the pass;
/// and the longest pass that is repeated.
const PASSES: usize = 3;
const LONGEST_REPEATED: Duration = Duration::from_secs(2);

/// Measures one engine on one set of documents, which may come in several chunks.
pub struct Stopwatch {
    documents: usize,
    /// In nanoseconds, over the chunks of many documents.
    spent: f64,
    /// In nanoseconds for a document.
    passes: Vec<f64>,
    answers: Vec<Answer>,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    pub ns_per_document: f64,
    pub allowed: usize,
    /// Of all answers, in order: engines that agree in it allow the same documents by the same roles.
    pub hash: u64,
}

impl Stopwatch {
    pub fn new(documents: usize) -> Self {
        Self { documents, spent: 0.0, passes: Vec::new(), answers: Vec::with_capacity(documents) }
    }

    /// Asks for the decisions about the next `n` documents.
    pub fn measure(&mut self, n: usize, mut decide: impl FnMut(usize) -> Answer) {
        let first = self.answers.len();
        self.answers.resize(first + n, 0);
        let answers = &mut self.answers[first..];
        let mut pass = || {
            let start = ThreadTime::now();
            for (at, answer) in answers.iter_mut().enumerate() {
                *answer = decide(black_box(at));
            }
            start.elapsed()
        };
        if self.documents > REPEATED_UP_TO {
            let mut passes = vec![nanoseconds(pass())];
            while passes.len() < PASSES && passes[0] < nanoseconds(LONGEST_REPEATED) {
                passes.push(nanoseconds(pass()));
            }
            self.spent += median(&mut passes);
            return;
        }
        // The first pass warms up.
        pass();
        if self.documents == 1 {
            let mut batch = |calls: u32| {
                let start = ThreadTime::now();
                for _ in 0..calls {
                    answers[0] = black_box(decide(black_box(0)));
                }
                start.elapsed()
            };
            let mut calls = 16;
            while batch(calls) < BATCH {
                calls *= 2;
            }
            self.passes.extend((0..BATCHES).map(|_| nanoseconds(batch(calls)) / f64::from(calls)));
            return;
        }
        let mut spent = Duration::ZERO;
        while spent < REPEATED_FOR || self.passes.len() < 3 {
            let this = pass();
            spent += this;
            self.passes.push(nanoseconds(this) / n as f64);
        }
    }

    pub fn finish(mut self) -> Measured {
        assert_eq!(self.answers.len(), self.documents, "every document is decided once");
        if self.passes.is_empty() {
            self.passes.push(self.spent / self.documents as f64);
        }
        Measured {
            ns_per_document: median(&mut self.passes),
            allowed: self.answers.iter().filter(|answer| is_allowed(**answer)).count(),
            hash: hash(&self.answers),
        }
    }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) }
}

/// FNV-1a.
fn hash(answers: &[Answer]) -> u64 {
    answers
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, answer| (hash ^ u64::from(*answer)).wrapping_mul(0x0100_0000_01b3))
}
