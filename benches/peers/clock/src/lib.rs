//! How long one call takes: the CPU time of this thread, so that whatever else the machine does is not counted.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// How long the passes over a set that fits the caches are repeated.
const REPEATED_FOR: Duration = Duration::from_millis(60);

/// How long the only one of a set is called for before its time counts, and in each of the batches that count.
const BATCH: Duration = Duration::from_millis(4);
const BATCHES: usize = 9;

/// Of more than this nothing is left in a cache when they are gone through again: no pass has to warm up.
const REPEATED_UP_TO: usize = 100_000;

/// How often so many are gone through in one process, for making them takes much longer than the pass; and the longest pass
/// that is repeated.
const PASSES: usize = 3;
const LONGEST_REPEATED: Duration = Duration::from_secs(2);

/// Measures calls for each of a set, which may come in several chunks.
pub struct Stopwatch {
    all: usize,
    /// In nanoseconds, over the chunks of a large set.
    spent: f64,
    /// In nanoseconds for a call.
    passes: Vec<f64>,
}

impl Stopwatch {
    /// For so many in all.
    #[must_use]
    pub const fn new(all: usize) -> Self {
        Self { all, spent: 0.0, passes: Vec::new() }
    }

    /// Calls for each of the next `n`, several times.
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
        // The first pass warms up.
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

    /// Nanoseconds for a call.
    #[must_use]
    pub fn finish(mut self) -> f64 {
        if self.passes.is_empty() { self.spent / self.all as f64 } else { median(&mut self.passes) }
    }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The middle one of some times, of which there is at least one.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) }
}
