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
        // What the client's own values do not make, is told to anybody; whether the database has room for it, only to those who may
        // insert it.
        let foreseen = made(&changing.change, seeds.clone(), true).map_err(GuardedError::Update)?;
        if let Some(document) = &foreseen {
            self.collection.judged(Operation::Insert, &self.collection.guard.insert(&*with_id(document)))?;
        }
        let upserted =
            match self.insert_made(seeds, changing).await {
                // If nobody has judged it, that it fails would tell by its difference from a denial that the `_id` is free.
                Err(
                    DocumentsError::DuplicateKey | DocumentsError::Refused { .. } | DocumentsError::Unsupported { .. },
                ) if foreseen.is_none() => return Err(unjudged(Operation::Insert)),
                upserted => upserted?,
            };
        let id = upserted.ok_or_else(vanished)?;
        let document = self.by_ids(std::slice::from_ref(&id)).await?.pop().ok_or_else(vanished)?;
        self.collection.judged(Operation::Insert, &self.collection.guard.insert(&document))?;
        Ok((id, document))
    }

    /// Inserts what an update makes of seeds, unless a document has its `_id`.
    ///
    /// The database is not given the client's filter, which could find a document that the user cannot read, but the seeds:
    /// their `_id` as a whole is that of no document.
    async fn insert_made(&mut self, seeds: Document, changing: &Changing) -> Result<Option<Bson>, DocumentsError> {
        let in_change = || set_on_insert(&changing.change).find_map(|fields| fields.get("_id"));
        let filter = match seeds.get("_id").or_else(in_change).cloned() {
            None => by(&Bson::ObjectId(ObjectId::new()), seeds),
            Some(id) => {
                let there = Find { limit: Some(1), ..Find::by(doc! { "_id": { "$eq": &id } }) };
                if !self.transaction.find(&self.collection.namespace, &there).await?.is_empty() {
                    return Err(DocumentsError::DuplicateKey);
                }
                by(&id, seeds)
            }
        };
        let updated = self.transaction.update(&self.collection.namespace, &filter, &changing.change, true).await?;
        Ok(updated.upserted)
    }
}

/// The filter that finds what has an `_id` and the other seeds, and from which an upsert takes the same.
fn by(id: &Bson, seeds: Document) -> Document {
    let mut filter = doc! { "_id": { "$eq": id } };
    filter.extend(
        seeds.into_iter().filter(|(name, _)| name != "_id").map(|(name, seed)| (name, doc! { "$eq": seed }.into())),
    );
    filter
}
