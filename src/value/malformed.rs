use thiserror::Error;

use super::{MAX_DEPTH, MAX_STEPS};

/// An error from reading a raw document: its bytes are not valid BSON, or it takes more than [`MAX_STEPS`] steps.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(Cause);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Cause {
    #[error("malformed BSON: {0}")]
    Bson(Box<str>),
    #[error(
        "the work on one document takes more than {MAX_STEPS} steps; write fewer conditions about its arrays, or shorter lists"
    )]
    Steps,
}

impl Malformed {
    /// Creates an error with this reason.
    #[must_use]
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self(Cause::Bson(reason.into()))
    }

    /// Creates the error for an exhausted [step](super::Steps) budget.
    #[cold]
    pub(crate) const fn steps() -> Self {
        Self(Cause::Steps)
    }

    /// Whether the step budget was exhausted; the bytes may be valid BSON then.
    #[must_use]
    pub const fn is_steps(&self) -> bool {
        matches!(self.0, Cause::Steps)
    }

    pub(crate) fn depth() -> Self {
        Self::new(format!("nested deeper than {MAX_DEPTH} levels"))
    }
}

impl From<bson::error::Error> for Malformed {
    fn from(error: bson::error::Error) -> Self {
        Self::new(error.to_string())
    }
}
