use bson::{Bson, Document, RawDocumentBuf, doc};

use super::changing::Changing;
use super::failure_report::Standing;
use super::prepare::with_id;
use super::request::Selection;
use super::transaction::{Writing, vanished};
use crate::guarded::error::{GuardedError, WriteKind};
use crate::store::documents::{Change, DocumentsError, Find};
use crate::update::upsert_document;

impl Writing<'_> {
    /// Inserts a document for an upsert that matched no document that the user may read. All its values come from the
    /// client's filter and update.
    pub(super) async fn upsert(
        &mut self,
        selection: &Selection,
        changing: &Changing,
    ) -> Result<(Bson, RawDocumentBuf), GuardedError> {
        (self.operation, self.standing) = (WriteKind::Insert, Standing::Unjudged);
        self.take(1)?;
        let replaces = matches!(changing.change, Change::Replacement(_));
        let seeds = upsert_document(&selection.filter, replaces).map_err(|error| GuardedError::Update(vec![error]))?;
        // This error depends only on the client's own values, so it may be reported.
        let foreseen = changing.made(seeds.clone(), true).map_err(|error| GuardedError::Update(vec![error]))?;
        if let Some(document) = &foreseen {
            let judged = self.collection.guard.insert(&*with_id(document, self.collection.store));
            self.standing = Standing::of(changing.foretold(self.collection.judged(WriteKind::Insert, &judged))?);
        }
        let upserted = self.insert_made(seeds, changing).await?;
        let id = upserted.ok_or_else(vanished)?;
        let document = self.by_ids(std::slice::from_ref(&id)).await?.pop().ok_or_else(vanished)?;
        self.collection.judged(WriteKind::Insert, &self.collection.guard.insert(&document))?;
        self.standing = Standing::Permitted;
        Ok((id, document))
    }

    /// Inserts the result of an update on the seeds, unless their `_id` is taken.
    ///
    /// The database never sees the client's filter, which could match a document that the user may not read. Instead,
    /// it filters by the seeds and a complete `_id` that no document has.
    async fn insert_made(&mut self, seeds: Document, changing: &Changing) -> Result<Option<Bson>, DocumentsError> {
        let in_change = || set_on_insert(&changing.change).find_map(|fields| fields.get("_id"));
        let filter = match seeds.get("_id").or_else(in_change).cloned() {
            None => by(&Bson::ObjectId(self.collection.store.new_id()), seeds),
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

/// A filter that matches this `_id` and the other seeds, and from which an upsert creates the same fields.
fn by(id: &Bson, seeds: Document) -> Document {
    let mut filter = doc! { "_id": { "$eq": id } };
    filter.extend(
        seeds.into_iter().filter(|(name, _)| name != "_id").map(|(name, seed)| (name, doc! { "$eq": seed }.into())),
    );
    filter
}

/// The documents of an update that set fields to constants on insert.
fn set_on_insert(change: &Change) -> impl Iterator<Item = &Document> {
    let (fields, operators) = match change {
        Change::Replacement(document) => (Some(document), None),
        Change::Operators { update, .. } => (None, Some(update)),
        Change::Pipeline(_) => (None, None),
    };
    let of_operators = ["$set", "$setOnInsert"].into_iter().filter_map(move |name| operators?.get_document(name).ok());
    fields.into_iter().chain(of_operators)
}
