use std::sync::Arc;

use bson::{Bson, DateTime, Document, RawDocumentBuf, Timestamp};

use super::request::Changing;
use super::transaction::Writing;
use crate::access::{Named, Reason};
use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, WriteKind};
use crate::store::documents::Change;
use crate::update::{self, Moment, Operator, Update, UpdateError};
use crate::value::DocumentRef;

/// A change as it is carried out here, so that it can be judged before the database is asked.
#[derive(Clone, Debug)]
pub(super) enum SimulatedChange {
    Operators(Arc<Update>),
    Replacement(Document),
}

impl SimulatedChange {
    fn apply(&self, document: Document, inserts: bool) -> Result<Document, UpdateError> {
        let now = DateTime::now();
        let applied = match self {
            Self::Operators(update) => update.apply(document, &Moment { inserts, ..Moment::at(now) }),
            Self::Replacement(replacement) => update::replace(&document, replacement, now),
        };
        Ok(applied?.document)
    }

    /// Whether the database puts its own time into the document.
    fn takes_time(&self) -> bool {
        let empty = Bson::Timestamp(Timestamp { time: 0, increment: 0 });
        match self {
            Self::Operators(update) => update.named().iter().any(|named| named.operator == Operator::CurrentDate),
            Self::Replacement(replacement) => replacement.values().any(|value| *value == empty),
        }
    }
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

impl Writing<'_> {
    /// Judges a change of documents before the database is asked to change any of them: whether it is permitted for all of
    /// them. If it cannot be made of one of them, or takes the database to tell, it is not judged.
    ///
    /// # Errors
    /// It is denied for one of them.
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
        // Why it cannot be made may depend on what is hidden, so that it must not end the judging of the others either.
        let Ok(Ok(Some(after))) = made else { return Ok(false) };
        let guard = &self.collection.guard;
        let judged = self.collection.judged(WriteKind::Update, &guard.update(document, &after));
        let judged =
            judged.and_then(|()| self.collection.refuse_untouchable(document, Some((&after).into()), changing));
        changing.foretold(judged)
    }
}

impl GuardedCollection<'_> {
    /// Refuses a change that names what the user may not name; without what it makes of the document, one that looks at it.
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
