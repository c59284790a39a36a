use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocumentBuf, doc};

use super::change::{made, set_on_insert, unjudged};
use super::request::{Changing, Selection};
use super::transaction::{Writing, vanished, with_id};
use crate::guarded::error::{GuardedError, Operation};
use crate::store::documents::{Change, DocumentsError, Find};
use crate::update::seed;

impl Writing<'_> {
    /// Inserts what an update makes of nothing, where the user can read no document that its filter finds. It takes values from
    /// the client's filter and update only.
    pub(super) async fn upsert(
        &mut self,
        selection: &Selection,
        changing: &Changing,
    ) -> Result<(Bson, RawDocumentBuf), GuardedError> {
        self.take(1)?;
        let replaces = matches!(changing.change, Change::Replacement(_));
        let seeds = seed(&selection.filter, replaces).map_err(|error| GuardedError::Update(vec![error]))?;
        // Whether the database has room for it is told only to those who may insert it.
        let foreseen = made(&changing.change, seeds.clone(), true);
        if let Some(document) = &foreseen {
            self.judged(Operation::Insert, &self.collection.guard.insert(&*with_id(document)))?;
        }
        let filter = match self.of_nothing(&selection.filter, &seeds, changing).await {
            Err(GuardedError::Store(DocumentsError::DuplicateKey)) if foreseen.is_none() => {
                return Err(unjudged(Operation::Insert));
            }
            filter => filter?,
        };
        let updated = self.transaction.update(&self.collection.namespace, &filter, &changing.change, true).await;
        let updated = match updated {
            Err(DocumentsError::DuplicateKey) if foreseen.is_none() => return Err(unjudged(Operation::Insert)),
            updated => updated?,
        };
        let id = updated.upserted.ok_or_else(vanished)?;
        let document = self.by_ids(std::slice::from_ref(&id)).await?.pop().ok_or_else(vanished)?;
        self.judged(Operation::Insert, &self.collection.guard.insert(&document))?;
        Ok((id, document))
    }

    /// The client's filter, made to find no document at all: one that the user cannot read must not be changed.
    async fn of_nothing(
        &mut self,
        filter: &Document,
        seeds: &Document,
        changing: &Changing,
    ) -> Result<Document, GuardedError> {
        let in_filter = seeds.get("_id");
        let in_change = || set_on_insert(&changing.change).find_map(|fields| fields.get("_id"));
        let Some(id) = in_filter.or_else(in_change).cloned() else {
            return Ok(doc! { "$and": [filter.clone(), { "_id": { "$eq": ObjectId::new() } }] });
        };
        let there = Find { limit: Some(1), ..Find::by(doc! { "_id": { "$eq": &id } }) };
        if !self.transaction.find(&self.collection.namespace, &there).await?.is_empty() {
            return Err(DocumentsError::DuplicateKey.into());
        }
        Ok(match in_filter {
            Some(_) => filter.clone(),
            None => doc! { "$and": [filter.clone(), { "_id": { "$eq": id } }] },
        })
    }
}
