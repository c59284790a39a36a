use bson::Document;

use super::simulated_change::SimulatedChange;
use crate::access::NamedPath;
use crate::guarded::error::GuardedError;
use crate::store::documents::Change;
use crate::update::UpdateError;

/// The change that a write applies to the documents it matches.
#[derive(Clone, Debug)]
pub(super) struct Changing {
    pub(super) change: Change,
    /// The same change, to be applied in memory; `None` if only the database can apply it.
    pub(super) foresight: Option<SimulatedChange>,
    /// The paths that it names in an existing document, including the arrays that its `arrayFilters` examine.
    pub(super) paths: Vec<NamedPath>,
    /// Whether it uses the positional operator `$`.
    pub(super) needs_position: bool,
    pub(super) upsert: bool,
}

impl Changing {
    /// Applies the change in memory, to a stored document or to the seeds of an upsert. `None` if only the database can
    /// determine the result.
    ///
    /// # Errors
    /// If the change cannot be applied to this document.
    pub(super) fn made(&self, document: Document, inserts: bool) -> Result<Option<Document>, UpdateError> {
        let Some(foresight) = &self.foresight else { return Ok(None) };
        match foresight.apply(document, inserts) {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.is_unsupported() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Interprets the judgement of a simulated change: `Ok(true)` if the change is permitted for sure. If the change
    /// inserts the database's own time, a denial may be due to that, so it is left to the judgement of the actual
    /// result.
    pub(super) fn foretold(&self, judged: Result<(), GuardedError>) -> Result<bool, GuardedError> {
        let takes_time = || self.foresight.as_ref().is_some_and(SimulatedChange::takes_time);
        match judged {
            Ok(()) => Ok(true),
            Err(GuardedError::Denied { .. }) if takes_time() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
