//! Judges changes before the database applies them.

use bson::{Document, RawDocumentBuf};

use super::changing::Changing;
use super::request::operators;
use super::transaction::Writing;
use crate::access::{Guard, Named, Reason};
use crate::expr::PatternAllowance;
use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, WriteKind};
use crate::store::documents::Change;
use crate::value::DocumentRef;

impl Writing<'_> {
    /// Judges a change to these documents before any of them is changed. Returns whether the change is known to be
    /// permitted for all of them; it is not if it cannot be applied to one of them or if only the database can
    /// determine the result.
    ///
    /// # Errors
    /// If it is denied for any of them.
    pub(super) fn foresee(&self, stored: &[RawDocumentBuf], changing: &Changing) -> Result<bool, GuardedError> {
        let mut is_permitted = true;
        for document in stored {
            self.in_time()?;
            is_permitted &= self.foresee_one(document, changing)?;
        }
        Ok(is_permitted)
    }

    fn foresee_one(&self, document: &RawDocumentBuf, changing: &Changing) -> Result<bool, GuardedError> {
        self.collection.refuse_untouchable(document, None, changing)?;
        let made = DocumentRef::Raw(document).to_document().map(|document| changing.made(document, false));
        // Why the change cannot be applied may depend on hidden data, so the judgement of the other documents must go
        // on regardless.
        let Ok(Ok(Some(after))) = made else { return Ok(false) };
        let guard = &self.collection.guard;
        let judged = self.collection.judged_update(document, &guard.update(document, &after));
        let judged =
            judged.and_then(|()| self.collection.refuse_untouchable(document, Some((&after).into()), changing));
        changing.foretold(judged)
    }
}

impl Guard {
    /// The paths that an update names in a document although the user may not name them, for hosts that decide about
    /// updates that others carry out. [`GuardedCollection::write`] denies such an update even if it changes nothing
    /// there, because its outcome would reveal hidden data. `changed` is the result of the update; without it, only
    /// paths whose stored values affect the update are judged.
    ///
    /// # Errors
    /// The update is not a document of update operators.
    pub fn untouchable_by(
        &self,
        stored: &Document,
        changed: Option<&Document>,
        update: &Document,
    ) -> Result<Vec<String>, GuardedError> {
        let changing = operators(update.clone(), Vec::new(), false, &PatternAllowance::default())?;
        Ok(self.untouchable(stored.into(), changed.map(DocumentRef::from), Named::Paths(&changing.paths)))
    }
}

impl GuardedCollection<'_> {
    /// Denies a change to paths that the user may not name. Without its result, only paths whose stored values affect
    /// the change are considered.
    pub(super) fn refuse_untouchable(
        &self,
        before: &RawDocumentBuf,
        after: Option<DocumentRef<'_>>,
        changing: &Changing,
    ) -> Result<(), GuardedError> {
        let named = match &changing.change {
            Change::Operators { .. } => Named::Paths(&changing.paths),
            Change::Replacement(_) => Named::Everything,
            Change::Pipeline(_) => return Ok(()),
        };
        let untouchable = self.guard.untouchable(before.into(), after, named);
        if untouchable.is_empty() {
            return Ok(());
        }
        Err(Denial::of(Reason::Fields(untouchable)).denies(WriteKind::Update))
    }
}
