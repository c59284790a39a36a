use bson::Document;

use super::simulated_change::SimulatedChange;
use crate::access::NamedPath;
use crate::guarded::error::GuardedError;
use crate::store::documents::Change;
use crate::update::UpdateError;

/// What becomes of the documents.
#[derive(Clone, Debug)]
pub(super) struct Changing {
    pub(super) change: Change,
    /// The same, as it is carried out here; none of what only a database carries out.
    pub(super) foresight: Option<SimulatedChange>,
    /// The paths that it names in a document that is there, and the arrays whose elements its filters look at.
    pub(super) paths: Vec<NamedPath>,
    /// Whether it says `$`, the element that the filter found.
    pub(super) needs_position: bool,
    pub(super) upsert: bool,
}

impl Changing {
    /// What it makes of a document, or of the seed of one that it inserts; `None` if that takes the database to tell.
    ///
    /// # Errors
    /// It cannot be made of this document.
    pub(super) fn made(&self, document: Document, inserts: bool) -> Result<Option<Document>, UpdateError> {
        let Some(foresight) = &self.foresight else { return Ok(None) };
        match foresight.apply(document, inserts) {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.is_unsupported() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A judgement of what was foreseen: whether the change is permitted for certain. A denial that the database's own time
    /// could turn is left to what the database makes of the document.
    pub(super) fn foretold(&self, judged: Result<(), GuardedError>) -> Result<bool, GuardedError> {
        let takes_time = || self.foresight.as_ref().is_some_and(SimulatedChange::takes_time);
        match judged {
            Ok(()) => Ok(true),
            Err(GuardedError::Denied { .. }) if takes_time() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
