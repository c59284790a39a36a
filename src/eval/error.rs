use std::cell::RefCell;

use thiserror::Error;

use super::{ContextPart, FunctionError};
use crate::text::{OneLine, excerpt};
use crate::value::Malformed;

/// What failed while a condition was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvalError {
    /// A function could not be called, or failed.
    #[error("{0}")]
    Function(FunctionError),
    /// A rule asks for a part of the context that the host did not supply.
    #[error("{0}")]
    NotSupplied(ContextPart),
    /// Bytes that are not BSON, or values nested too deep.
    #[error("{0}")]
    Malformed(Malformed),
    /// A filter includes some fields and another one excludes some.
    #[error("the filters' projections mix inclusion and exclusion: `{included}` and `{excluded}`")]
    ProjectionMixed {
        /// A field that is included.
        included: String,
        /// A field that is excluded.
        excluded: String,
    },
    /// A document to be written that has a key twice.
    #[error("the key `{}` stands twice in one document", OneLine(excerpt(.0, 200)))]
    KeyDuplicate(String),
}

impl From<Malformed> for EvalError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<ContextPart> for EvalError {
    fn from(part: ContextPart) -> Self {
        Self::NotSupplied(part)
    }
}

/// The failures met in the course of one decision, each once.
#[derive(Debug, Default)]
pub struct Errors(RefCell<Option<Box<Failures>>>);

/// What was met; most decisions meet nothing, and have no list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Vec<EvalError>);

/// More are not kept.
const MAX_ERRORS: usize = 100;

impl Errors {
    /// Adds a failure.
    pub fn add(&self, error: EvalError) {
        let mut failures = self.0.borrow_mut();
        let Failures(failures) = &mut **failures.get_or_insert_default();
        if failures.len() < MAX_ERRORS && !failures.contains(&error) {
            failures.push(error);
        }
    }

    /// The failures in the order in which they were met.
    #[must_use]
    pub fn into_vec(self) -> Vec<EvalError> {
        self.into_failures().map(|failures| failures.0).unwrap_or_default()
    }

    /// The same; none if there are none.
    pub(crate) fn into_failures(self) -> Option<Box<Failures>> {
        self.0.into_inner()
    }
}

impl Failures {
    pub(crate) fn as_slice(&self) -> &[EvalError] {
        &self.0
    }
}
