use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};

use super::request::{Changing, Moment, Selection};
use super::transaction::{Writing, Written, id};
use crate::access::{Named, Reason};
use crate::guarded::GuardedCollection;
use crate::guarded::error::{Denial, GuardedError, Operation};
use crate::store::documents::{Change, DocumentsError, Updated};
use crate::update::{self, Update, UpdateError};
use crate::value::DocumentRef;

impl GuardedCollection<'_> {
    /// Refuses, whatever the documents are, what would look at fields that the user may not read.
    pub(super) fn refuse_hidden(&self, changing: &Changing) -> Result<(), GuardedError> {
        let (what, reason) = match changing {
            Changing { change: Change::Pipeline(_), .. } => {
                ("a pipeline", "its expressions would see fields that may not be read; write update operators")
            }
            Changing { needs_position: true, .. } => (
                "$",
                "the filter would see fields that may not be read; choose the element by `$[name]` and `arrayFilters`",
            ),
            _ => return Ok(()),
        };
        if self.guard.visibility().is_whole() {
            return Ok(());
        }
        Err(GuardedError::Unsupported {
            what: what.to_owned(),
            place: Some("an update of documents with hidden fields"),
            reason,
        })
    }
}

impl Writing<'_> {
    pub(super) async fn change(
        &mut self,
        selection: &Selection,
        changing: &Changing,
        returns: Option<Moment>,
    ) -> Result<Written, GuardedError> {
        self.collection.refuse_hidden(changing)?;
        let stored = self.matched(selection).await?;
        let projection = selection.request.query.projection();
        if stored.is_empty() && changing.upsert {
            let (id, document) = self.upsert(selection, changing).await?;
            let mut written = Written { upserted: Some(id), ..Written::default() };
            if returns == Some(Moment::After) {
                written.document = self.collection.shown(&document, projection)?;
            }
            return Ok(written);
        }
        let mut written = Written::default();
        let mut ids = Vec::with_capacity(stored.len());
        for document in &stored {
            self.take(1)?;
            let id = id(document)?;
            let updated = self.apply(&id, document, selection, changing).await?;
            written.matched += 1;
            written.modified += u64::from(updated.modified);
            ids.push(id);
        }
        let changed = self.by_ids(&ids).await?;
        for (before, after) in stored.iter().zip(&changed) {
            self.in_time()?;
            self.collection.judged(Operation::Update, &self.collection.guard.update(before, after))?;
            self.refuse_untouchable(before, after, changing)?;
        }
        let of_moment = match returns {
            Some(Moment::Before) => stored.first(),
            Some(Moment::After) => changed.first(),
            None => None,
        };
        if let Some(document) = of_moment {
            written.document = self.collection.shown(document, projection)?;
        }
        Ok(written)
    }

    async fn apply(
        &mut self,
        id: &Bson,
        document: &RawDocumentBuf,
        selection: &Selection,
        changing: &Changing,
    ) -> Result<Updated, GuardedError> {
        let mut filter = doc! { "_id": { "$eq": id } };
        if changing.needs_position {
            filter = doc! { "$and": [filter, selection.filter.clone()] };
        }
        let updated = self.transaction.update(&self.collection.namespace, &filter, &changing.change, false).await;
        match &updated {
            // Why it fails may tell what a field holds.
            Err(DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. } | DocumentsError::TooLarge) => {
                self.refuse_untouchable(document, document, changing)?;
            }
            // What other documents hold is told only to those who may make the change.
            Err(DocumentsError::DuplicateKey) => {
                match made(&changing.change, DocumentRef::Raw(document).to_document()?, false) {
                    Ok(Some(after)) => {
                        self.collection.judged(Operation::Update, &self.collection.guard.update(document, &after))?;
                        self.refuse_untouchable(document, document, changing)?;
                    }
                    Ok(None) | Err(_) => return Err(unjudged(Operation::Update)),
                }
            }
            _ => {}
        }
        Ok(updated?)
    }

    fn refuse_untouchable(
        &self,
        before: &RawDocumentBuf,
        after: &RawDocumentBuf,
        changing: &Changing,
    ) -> Result<(), GuardedError> {
        let named = match &changing.change {
            Change::Operators { .. } => Named::Paths(&changing.paths),
            Change::Replacement(_) => Named::Everything,
            Change::Pipeline(_) => return Ok(()),
        };
        let untouchable = self.collection.guard.untouchable(before.into(), after.into(), named);
        if untouchable.is_empty() {
            return Ok(());
        }
        let reason = Box::new(Denial { role: None, reason: Reason::Fields(untouchable), errors: Vec::new() });
        Err(GuardedError::Denied { operation: Operation::Update, reason })
    }
}

/// What a change makes of a document, or of the seed of one that it inserts; none if that takes the database to tell.
///
/// # Errors
/// It cannot be made of this document.
pub(super) fn made(change: &Change, document: Document, inserts: bool) -> Result<Option<Document>, Vec<UpdateError>> {
    let now = DateTime::now();
    let applied = match change {
        Change::Operators { update, array_filters } => {
            let update = Update::compile(update, array_filters)?;
            update.apply(document, &update::Moment { inserts, ..update::Moment::at(now) })
        }
        Change::Replacement(replacement) => update::replace(&document, replacement, now),
        Change::Pipeline(_) => return Ok(None),
    };
    match applied {
        Ok(applied) => Ok(Some(applied.document)),
        Err(error) if error.is_unsupported() => Ok(None),
        Err(error) => Err(vec![error]),
    }
}

/// For a failure that would tell of other documents, after a change that nobody has judged.
pub(super) fn unjudged(operation: Operation) -> GuardedError {
    let reason = Box::new(Denial { role: None, reason: Reason::Failed, errors: Vec::new() });
    GuardedError::Denied { operation, reason }
}

/// Fields of an update of which each has one value in the document that it inserts.
pub(super) fn set_on_insert(change: &Change) -> impl Iterator<Item = &Document> {
    let (fields, operators) = match change {
        Change::Replacement(document) => (Some(document), None),
        Change::Operators { update, .. } => (None, Some(update)),
        Change::Pipeline(_) => (None, None),
    };
    let of_operators = ["$set", "$setOnInsert"].into_iter().filter_map(move |name| operators?.get_document(name).ok());
    fields.into_iter().chain(of_operators)
}
