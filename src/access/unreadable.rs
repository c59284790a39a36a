//! Documents on which the rules fail.

use crate::eval::EvalError;

/// Documents that a query left out because a rule failed on them, for the log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unreadable {
    /// How often a rule failed. Counted once for each time that a document was judged.
    pub documents: u64,
    /// The errors of the first failure; they may quote stored values.
    pub errors: Vec<EvalError>,
}
