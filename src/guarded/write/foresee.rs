//! Judges changes before the database carries them out.

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
    /// Judges a change of documents before the database changes any of them. Returns whether it is known to be
    /// permitted for all of them; this is unknown if the change cannot be applied to one of them or only the database
    /// can determine its result.
    ///
    /// # Errors
    /// If it is denied for one of them.
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
        // The reason may depend on hidden data, so it must not prevent judging the other documents either.
        let Ok(Ok(Some(after))) = made else { return Ok(false) };
        let guard = &self.collection.guard;
        let judged = self.collection.judged_update(document, &guard.update(document, &after));
        let judged =
            judged.and_then(|()| self.collection.refuse_untouchable(document, Some((&after).into()), changing));
        changing.foretold(judged)
    }
}

impl Guard {
    /// The paths that an update names in a document although the user may not, for hosts that decide about an update which others
    /// carry out. [`GuardedCollection::write`] refuses such an update whatever it changes: its outcome would tell what is hidden.
    /// `changed` is the result of the update; without it, only paths on which the update depends are judged.
    ///
    /// # Errors
    /// The update is no document of operators.
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
    /// Rejects a change of paths that the user may not name. Without its result, only paths on which the change depends
    /// are rejected.
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
