use bson::{Bson, Document, RawDocumentBuf, Timestamp};

use super::changing::Changing;
use super::failure_report::{At, Standing};
use super::prepare::with_id;
use super::request::{Action, Extent, Moment, Selection, Write};
use super::transaction::Written;
use crate::guarded::GuardedCollection;
use crate::guarded::error::{GuardedError, LimitExceeded, WriteKind};
use crate::guarded::read_plan::ReadPlan;
use crate::store::documents::{DocumentStore, Find, Returned, SingleWrite, SingleWritten};

impl GuardedCollection<'_> {
    /// Executes a request without a transaction, as a single command on one document. The command's query has to
    /// enforce the rules by itself.
    pub(super) async fn write_single(&self, writes: &[Write]) -> Result<Vec<Written>, GuardedError> {
        let [write] = writes else { return Err(needed("the request contains several writes")) };
        if self.limits.written_documents == 0 {
            return Err(LimitExceeded::Written(0).into());
        }
        let (operation, written) = match &write.action {
            Action::Insert(documents) => (WriteKind::Insert, self.insert_single(documents).await),
            Action::Change(selection, changing) => {
                (WriteKind::Update, self.change_single(selection, changing, write.returns).await)
            }
            Action::Delete(selection) => (WriteKind::Delete, self.delete_single(selection, write.returns).await),
        };
        // Every check happens before the command is sent.
        let at = At { operation, standing: Standing::Permitted, number: 0, of: 1 };
        Ok(vec![written.map_err(|error| self.disclosed(error, at))?])
    }

    async fn insert_single(&self, documents: &[Document]) -> Result<Written, GuardedError> {
        let [document] = documents else { return Err(needed("the request inserts several documents")) };
        let document = as_stored(document, self.store)?;
        self.judged(WriteKind::Insert, &self.guard.insert(&document))?;
        let id = document.get("_id").cloned().unwrap_or(Bson::Null);
        self.store.write_single(&self.namespace, &SingleWrite::Insert(document)).await?;
        Ok(Written { inserted: vec![id], ..Written::default() })
    }

    async fn change_single(
        &self,
        selection: &Selection,
        changing: &Changing,
        returns: Option<Moment>,
    ) -> Result<Written, GuardedError> {
        self.refuse_hidden(changing)?;
        if changing.upsert {
            return Err(needed("an upsert would take values from the rules"));
        }
        if changing.needs_position {
            return Err(needed("`$` could stand for an element that the rules found"));
        }
        if !self.guard.updates_what_it_reads() {
            return Err(needed("the rules check the updated document"));
        }
        let Some(find) = self.found_by_query(selection)? else { return Ok(Written::default()) };
        self.refuse_repeated_keys(&find).await?;
        let change = changing.change.clone();
        let done = self.single(&SingleWrite::Change { find, change, returns: returned(returns) }).await?;
        let matched = u64::from(done.found);
        let modified = done.modified.map_or(matched, u64::from);
        Ok(Written { matched, modified, document: self.brought(&done, selection)?, ..Written::default() })
    }

    async fn delete_single(&self, selection: &Selection, returns: Option<Moment>) -> Result<Written, GuardedError> {
        if !self.guard.deletes_what_it_reads() {
            return Err(needed("the rules decide whether a document may be deleted"));
        }
        let Some(find) = self.found_by_query(selection)? else { return Ok(Written::default()) };
        let done = self.single(&SingleWrite::Delete { find, returns: returned(returns) }).await?;
        Ok(Written { deleted: u64::from(done.found), document: self.brought(&done, selection)?, ..Written::default() })
    }

    /// Denies updates of a stored document with duplicate keys, which only raw bytes can have. A query cannot express
    /// this, so the document is read and checked first.
    async fn refuse_repeated_keys(&self, find: &Find) -> Result<(), GuardedError> {
        let find = Find { limit: Some(1), ..find.clone() };
        for document in self.store.find(&self.namespace, &find).await?.batch().await? {
            self.judged(WriteKind::Update, &self.guard.update(&document, &document))?;
        }
        Ok(())
    }

    async fn single(&self, write: &SingleWrite) -> Result<SingleWritten, GuardedError> {
        Ok(self.store.write_single(&self.namespace, write).await?)
    }

    /// A query that matches exactly the documents that the write may apply to; `None` if there are none.
    fn found_by_query(&self, selection: &Selection) -> Result<Option<Find>, GuardedError> {
        if selection.extent == Extent::All {
            return Err(needed("several documents may be written"));
        }
        self.admit_reading()?;
        let reading = ReadPlan::new(self.guard, &selection.request);
        if !reading.is_pushed() {
            return Err(needed("the database alone cannot determine which document is meant"));
        }
        Ok(reading.filter.map(|filter| Find { sort: reading.order, ..Find::by(filter) }))
    }

    fn brought(&self, done: &SingleWritten, selection: &Selection) -> Result<Option<RawDocumentBuf>, GuardedError> {
        match &done.document {
            Some(document) => self.shown(document, selection.request.query.projection()),
            None => Ok(None),
        }
    }
}

const fn needed(reason: &'static str) -> GuardedError {
    GuardedError::NoTransaction(reason)
}

const fn returned(moment: Option<Moment>) -> Returned {
    match moment {
        None => Returned::Nothing,
        Some(Moment::Before) => Returned::Before,
        Some(Moment::After) => Returned::After,
    }
}

/// A document as MongoDB stores it, with `_id` first.
fn as_stored(document: &Document, store: &dyn DocumentStore) -> Result<Document, GuardedError> {
    // The server replaces this value with its own time, which the rules would not see.
    let now = Bson::Timestamp(Timestamp { time: 0, increment: 0 });
    if document.iter().any(|(key, value)| key != "_id" && *value == now) {
        return Err(needed("the server puts the time in place of an empty timestamp, after the rules were evaluated"));
    }
    let with_id = with_id(document, store);
    let (id, others): (Vec<_>, Vec<_>) = with_id.into_owned().into_iter().partition(|(key, _)| key == "_id");
    Ok(id.into_iter().chain(others).collect())
}
