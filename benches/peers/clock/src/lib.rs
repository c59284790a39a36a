//! Measures how long one call takes: the CPU time of this thread, so that other work on the machine is not counted.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// The minimum total time of repeated passes over a set that fits into the CPU caches.
const REPEATED_FOR: Duration = Duration::from_millis(60);

/// The minimum time of the warm-up and of each measured batch if the set has only one element.
const BATCH: Duration = Duration::from_millis(4);
const BATCHES: usize = 9;

/// Sets larger than this do not fit into the CPU caches, so their passes need no warm-up.
const REPEATED_UP_TO: usize = 100_000;

/// The maximum number of passes over such a set in one process, since creating it takes much longer than a pass; and
/// the maximum duration of a first pass after which another is made.
const PASSES: usize = 3;
const LONGEST_REPEATED: Duration = Duration::from_secs(2);

/// Times a call for each element of a set, which may come in several chunks.
pub struct Stopwatch {
    all: usize,
    /// The sum over the chunks of a large set, in nanoseconds.
    spent: f64,
    /// The passes over a small set, in nanoseconds per call.
    passes: Vec<f64>,
}

impl Stopwatch {
    /// A stopwatch for a set of this size.
    #[must_use]
    pub const fn new(all: usize) -> Self {
        Self { all, spent: 0.0, passes: Vec::new() }
    }

    /// Makes several passes of calls for the next `n` elements.
    pub fn measure(&mut self, n: usize, mut call: impl FnMut(usize)) {
        let mut pass = || {
            let start = ThreadTime::now();
            (0..n).for_each(|at| call(black_box(at)));
            start.elapsed()
        };
        if self.all > REPEATED_UP_TO {
            let mut passes = vec![nanoseconds(pass())];
            while passes.len() < PASSES && passes[0] < nanoseconds(LONGEST_REPEATED) {
                passes.push(nanoseconds(pass()));
            }
            self.spent += median(&mut passes);
            return;
        }
        // A warm-up.
        pass();
        if self.all == 1 {
            let mut batch = |calls: u32| {
                let start = ThreadTime::now();
                (0..calls).for_each(|_| call(black_box(0)));
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

    /// Nanoseconds per call.
    #[must_use]
    pub fn finish(mut self) -> f64 {
        if self.passes.is_empty() { self.spent / self.all as f64 } else { median(&mut self.passes) }
    }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The median of the times, of which there must be at least one.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) }
}
