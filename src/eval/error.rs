use std::cell::RefCell;

use thiserror::Error;

use super::{ContextPart, FunctionError};
use crate::aggregation::FindError;
use crate::text::{OneLine, excerpt};
use crate::value::{Malformed, Steps};

/// Why the evaluation of a condition failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A function could not be called, or it failed.
    #[error("{0}")]
    Function(FunctionError),
    /// A rule refers to a part of the context that the host did not supply.
    #[error("{0}")]
    NotSupplied(ContextPart),
    /// Bytes that are not BSON, or values that are nested too deeply.
    #[error("{0}")]
    Malformed(Malformed),
    /// More than [`MAX_STEPS`](crate::value::MAX_STEPS) for one document.
    #[error("{}", Malformed::steps())]
    StepsSpent,
    /// One filter includes fields and another excludes fields.
    #[error("the filters' projections mix inclusion and exclusion: `{included}` and `{excluded}`")]
    ProjectionMixed {
        /// An included field.
        included: String,
        /// An excluded field.
        excluded: String,
    },
    /// An expression in a client query cannot be evaluated for a document.
    #[error("an expression of the filter fails: {0}")]
    Expression(FindError),
    /// The document to be written contains a duplicate key.
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

/// The distinct errors of one decision, and the steps that it may still take.
#[derive(Debug, Default)]
pub struct Errors {
    failures: RefCell<Option<Box<Failures>>>,
    steps: Steps,
}

/// The errors of a decision; most decisions have none and allocate no list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Vec<EvalError>);

/// Further errors are dropped.
const MAX_ERRORS: usize = 100;

impl Errors {
    /// Creates an empty collection for a decision with this step budget.
    #[must_use]
    pub const fn within(steps: Steps) -> Self {
        Self { failures: RefCell::new(None), steps }
    }

    /// The remaining step budget of the decision.
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

    /// The error of an evaluation that can only fail because of malformed bytes or a spent step budget.
    pub(crate) fn as_malformed(&self) -> Malformed {
        let failures = self.failures.borrow();
        let failures = failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default();
        if failures.contains(&EvalError::StepsSpent) {
            return Malformed::steps();
        }
        Malformed::new(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The errors in the order in which they occurred.
    #[must_use]
    pub fn into_vec(self) -> Vec<EvalError> {
        self.into_failures().map(|failures| failures.0).unwrap_or_default()
    }

    /// The errors in the order in which they occurred; `None` if there are none.
    pub(crate) fn into_failures(self) -> Option<Box<Failures>> {
        self.failures.into_inner()
    }
}

impl Failures {
    pub(crate) fn as_slice(&self) -> &[EvalError] {
        &self.0
    }
}
