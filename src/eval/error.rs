use std::cell::RefCell;

use thiserror::Error;

use super::{ContextPart, FunctionError};
use crate::aggregation::FindError;
use crate::text::{OneLine, excerpt};
use crate::value::{Malformed, Steps};

/// Why evaluating a condition ended in an Error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A function is missing or failed.
    #[error("{0}")]
    Function(FunctionError),
    /// A rule refers to a part of the context that was not supplied.
    #[error("{0}")]
    NotSupplied(ContextPart),
    /// A document is not valid BSON or is nested too deeply.
    #[error("{0}")]
    Malformed(Malformed),
    /// The decision about one document would take more than [`MAX_STEPS`](crate::value::MAX_STEPS) steps.
    #[error("{}", Malformed::steps())]
    StepsSpent,
    /// A projection both includes and excludes fields: one filter includes a field and another excludes one.
    #[error("the filters' projections mix inclusion and exclusion: `{included}` and `{excluded}`")]
    ProjectionMixed {
        /// A field that a filter includes.
        included: String,
        /// A field that another filter excludes.
        excluded: String,
    },
    /// An expression in a client's query failed for a document.
    #[error("an expression of the filter fails: {0}")]
    Expression(FindError),
    /// The document to be written has a duplicate key.
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

/// The distinct errors of one decision, and its remaining step budget.
#[derive(Debug, Default)]
pub struct Errors {
    failures: RefCell<Option<Box<Failures>>>,
    steps: Steps,
}

/// A non-empty list of errors. It is boxed and allocated on the first error, because most decisions have none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(Vec<EvalError>);

/// The maximum number of errors kept for one decision; further ones are dropped.
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

    /// Adds an error, unless it is already recorded.
    pub fn add(&self, error: EvalError) {
        let mut failures = self.failures.borrow_mut();
        let Failures(failures) = &mut **failures.get_or_insert_default();
        if failures.len() < MAX_ERRORS && !failures.contains(&error) {
            failures.push(error);
        }
    }

    /// Converts the errors of an evaluation that can fail only on malformed bytes or for lack of steps.
    pub(crate) fn as_malformed(&self) -> Malformed {
        let failures = self.failures.borrow();
        let failures = failures.as_ref().map(|failures| failures.as_slice()).unwrap_or_default();
        if failures.contains(&EvalError::StepsSpent) {
            return Malformed::steps();
        }
        Malformed::new(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The errors in order of occurrence.
    #[must_use]
    pub fn into_vec(self) -> Vec<EvalError> {
        self.into_failures().map(|failures| failures.0).unwrap_or_default()
    }

    /// The errors in order of occurrence; `None` if there are none.
    pub(crate) fn into_failures(self) -> Option<Box<Failures>> {
        self.failures.into_inner()
    }
}

impl Failures {
    pub(crate) fn as_slice(&self) -> &[EvalError] {
        &self.0
    }
}
