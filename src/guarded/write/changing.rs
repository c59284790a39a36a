use bson::Document;

use super::simulated_change::SimulatedChange;
use crate::access::NamedPath;
use crate::guarded::error::GuardedError;
use crate::store::documents::Change;
use crate::update::UpdateError;

/// The change that a write makes to its documents.
#[derive(Clone, Debug)]
pub(super) struct Changing {
    pub(super) change: Change,
    /// A simulation of the change; `None` if only the database can carry it out.
    pub(super) foresight: Option<SimulatedChange>,
    /// The paths that it names in an existing document, and the arrays whose elements its filters examine.
    pub(super) paths: Vec<NamedPath>,
    /// Whether it contains `$`, the element that the filter matched.
    pub(super) needs_position: bool,
    pub(super) upsert: bool,
}

impl Changing {
    /// The result of the change for a document, or for the seed of an inserted one; `None` if only the database can
    /// determine it.
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

    /// Interprets the judgement of a simulated change: whether the change is certainly permitted. A denial that may
    /// depend on the database's own time is left to the judgement of the real result.
    pub(super) fn foretold(&self, judged: Result<(), GuardedError>) -> Result<bool, GuardedError> {
        let takes_time = || self.foresight.as_ref().is_some_and(SimulatedChange::takes_time);
        match judged {
            Ok(()) => Ok(true),
            Err(GuardedError::Denied { .. }) if takes_time() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
