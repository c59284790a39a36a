use std::sync::PoisonError;

use super::guard::Guard;
use super::unreadable::Unreadable;
use crate::eval::{EvalError, FunctionError};

impl Guard {
    /// Takes the record of documents that queries omitted because a rule failed.
    #[must_use]
    pub fn take_unreadable(&self) -> Option<Unreadable> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Omits a document on which a rule failed, and records it. If the request failed instead, a client could use its
    /// filter to probe hidden fields of that document.
    ///
    /// # Errors
    /// A pending function, which has to be called first.
    pub(crate) fn leave_out(&self, errors: &[EvalError]) -> Result<(), Vec<EvalError>> {
        let waits = |error: &&EvalError| matches!(error, EvalError::Function(FunctionError::Pending(_)));
        if let Some(error) = errors.iter().find(waits) {
            return Err(vec![error.clone()]);
        }
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let unreadable = unreadable.get_or_insert_with(|| Unreadable { documents: 0, errors: errors.to_vec() });
        unreadable.documents = unreadable.documents.saturating_add(1);
        Ok(())
    }
}
