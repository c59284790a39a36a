//! Measures how long decisions take, and records them.

use std::hint::black_box;

pub use portcullis_clock::median;

use crate::decisions::{Answer, is_allowed};

/// Measures one engine on one set of documents, which may come in several chunks.
pub struct Stopwatch {
    clock: portcullis_clock::Stopwatch,
    documents: usize,
    answers: Vec<Answer>,
}

/// The result of a measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    pub ns_per_document: f64,
    pub allowed: usize,
    /// A hash of all answers in order: engines with equal hashes allow the same documents by the same roles.
    pub hash: u64,
}

impl Stopwatch {
    pub fn new(documents: usize) -> Self {
        Self { clock: portcullis_clock::Stopwatch::new(documents), documents, answers: Vec::with_capacity(documents) }
    }

    /// Times the decisions on the next `n` documents.
    pub fn measure(&mut self, n: usize, mut decide: impl FnMut(usize) -> Answer) {
        let first = self.answers.len();
        self.answers.resize(first + n, 0);
        let answers = &mut self.answers[first..];
        self.clock.measure(n, |at| answers[at] = black_box(decide(at)));
    }

    pub fn finish(self) -> Measured {
        assert_eq!(self.answers.len(), self.documents, "every document is decided once");
        Measured {
            ns_per_document: self.clock.finish(),
            allowed: self.answers.iter().filter(|answer| is_allowed(**answer)).count(),
            hash: hash(&self.answers),
        }
    }
}

/// The FNV-1a hash.
fn hash(answers: &[Answer]) -> u64 {
    answers
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, answer| (hash ^ u64::from(*answer)).wrapping_mul(0x0100_0000_01b3))
}
