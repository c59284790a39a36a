use std::cell::RefCell;

use thiserror::Error;

use super::{ContextPart, FunctionError};
use crate::aggregation::FindError;
use crate::text::{OneLine, excerpt};
use crate::value::{Malformed, Steps};

/// What failed while a condition was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
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
    /// More than [`MAX_STEPS`](crate::value::MAX_STEPS) for one document.
    #[error("{}", Malformed::steps())]
    StepsSpent,
    /// A filter includes some fields and another one excludes some.
    #[error("the filters' projections mix inclusion and exclusion: `{included}` and `{excluded}`")]
    ProjectionMixed {
        /// A field that is included.
        included: String,
        /// A field that is excluded.
        excluded: String,
    },
    /// An expression of a client's filter has no value for a document.
    #[error("an expression of the filter fails: {0}")]
    Expression(FindError),
    /// A document to be written that has a key twice.
    #[error("duplicate key `{}` in one document", OneLine(excerpt(.0, 200)))]
    KeyDuplicate(String),
}

impl From<Malformed> for EvalError {
    fn from(error: Malformed) -> Self {
        if error.is_steps() { Self::StepsSpent } else { Self::Malformed(error) }
    }
}

impl From<FindError> for EvalError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Malformed(error) => error.into(),
            error => Self::Expression(error),
        }
    }
}

impl From<ContextPart> for EvalError {
    fn from(part: ContextPart) -> Self {
        Self::NotSupplied(part)
    }
}

/// The failures met in the course of one decision, each once, and how much work the decision may still take.
#[derive(Debug, Default)]
pub struct Errors {
    failures: RefCell<Option<Box<Failures>>>,
    steps: Steps,
}

/// What was met; most decisions meet nothing, and have no list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Vec<EvalError>);

/// More are not kept.
const MAX_ERRORS: usize = 100;

impl Errors {
    /// Of a decision that may take so many steps.
    #[must_use]
    pub const fn within(steps: Steps) -> Self {
        Self { failures: RefCell::new(None), steps }
    }

    /// What the decision may still take.
    #[inline]
    pub const fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Adds a failure.
    pub fn add(&self, error: EvalError) {
        let mut failures = self.failures.borrow_mut();
        let Failures(failures) = &mut **failures.get_or_insert_default();
        if failures.len() < MAX_ERRORS && !failures.contains(&error) {
            failures.push(error);
        }
    }

    /// The failures of what can only fail on a document's bytes, or by the steps that it takes.
    pub(crate) fn as_malformed(&self) -> Malformed {
        let failures = self.failures.borrow();
        let failures = failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default();
        if failures.contains(&EvalError::StepsSpent) {
            return Malformed::steps();
        }
        Malformed::new(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The failures in the order in which they were met.
    #[must_use]
    pub fn into_vec(self) -> Vec<EvalError> {
        self.into_failures().map(|failures| failures.0).unwrap_or_default()
    }

    /// The same; `None` if there are none.
    pub(crate) fn into_failures(self) -> Option<Box<Failures>> {
        self.failures.into_inner()
    }
}

impl Failures {
    pub(crate) fn as_slice(&self) -> &[EvalError] {
        &self.0
    }
}
