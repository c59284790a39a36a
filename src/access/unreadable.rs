//! Documents on which a rule failed.

use crate::eval::EvalError;

/// A record, for the log, of documents that queries omitted because a rule failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The number of failures. A document that is judged several times is counted each time.
    pub documents: u64,
    /// The errors of the first such document; they may quote stored values.
    pub errors: Vec<EvalError>,
}
