use thiserror::Error;

use super::{MAX_DEPTH, MAX_STEPS};

/// Bytes that are not BSON, met while reading a raw document; or a document that takes more than [`MAX_STEPS`] to
/// answer about.
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
    /// For this reason.
    #[must_use]
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self(Cause::Bson(reason.into()))
    }

    /// For a spent budget of [steps](super::Steps).
    #[cold]
    pub(crate) const fn steps() -> Self {
        Self(Cause::Steps)
    }

    /// Whether it is a spent budget, and says nothing about the bytes.
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
