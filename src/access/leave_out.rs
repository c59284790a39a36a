use std::sync::PoisonError;

use super::guard::Guard;
use super::unreadable::Unreadable;
use crate::eval::{EvalError, FunctionError};

impl Guard {
    /// Returns what queries have left out because a rule failed, and forgets it.
    #[must_use]
    pub fn take_unreadable(&self) -> Option<Unreadable> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Leaves out a document on which a rule failed. If the request failed instead, its filter could ask about the hidden
    /// fields of that document.
    ///
    /// # Errors
    /// If the document can only be judged later or not within the limits of the request: the errors that say so.
    pub(crate) fn leave_out(&self, errors: &[EvalError]) -> Result<(), Vec<EvalError>> {
        let spent = |error: &&EvalError| matches!(error, EvalError::Function(FunctionError::TooManyCalls));
        let waits = |error: &&EvalError| matches!(error, EvalError::Function(FunctionError::Pending(_)));
        if let Some(told) = errors.iter().find(spent).or_else(|| errors.iter().find(waits)) {
            return Err(vec![told.clone()]);
        }
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let unreadable = unreadable.get_or_insert_with(|| Unreadable { documents: 0, errors: errors.to_vec() });
        unreadable.documents = unreadable.documents.saturating_add(1);
        Ok(())
    }
}
