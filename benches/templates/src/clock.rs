//! How long resolving takes: the CPU time of this thread, so that whatever else the machine does is not counted.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// How long passes over few users are repeated.
const REPEATED_FOR: Duration = Duration::from_millis(200);
/// A single user is resolved for this long in each of the batches whose median counts.
const BATCH: Duration = Duration::from_millis(4);
const BATCHES: usize = 15;
/// With more users than this, none of them is left in a cache when it is their turn again: one pass is enough.
const REPEATED_UP_TO: usize = 20_000;

/// Measures one engine on users that may come in several parts.
pub struct Stopwatch {
    users: usize,
    /// In nanoseconds, over the parts of many users.
    spent: f64,
    /// In nanoseconds for a user.
    passes: Vec<f64>,
}

impl Stopwatch {
    pub const fn new(users: usize) -> Self {
        Self { users, spent: 0.0, passes: Vec::new() }
    }

    /// Resolves for the next `n` users.
    pub fn measure(&mut self, n: usize, mut resolve: impl FnMut(usize)) {
        let mut pass = || {
            let start = ThreadTime::now();
            (0..n).for_each(|at| resolve(black_box(at)));
            start.elapsed()
        };
        if self.users > REPEATED_UP_TO {
            self.spent += nanoseconds(pass());
            return;
        }
        // The first pass warms up.
        pass();
        if self.users == 1 {
            let mut batch = |calls: u32| {
                let start = ThreadTime::now();
                (0..calls).for_each(|_| resolve(black_box(0)));
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

    /// Nanoseconds for a user.
    pub fn finish(mut self) -> f64 {
        if self.passes.is_empty() { self.spent / self.users as f64 } else { median(&mut self.passes) }
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
