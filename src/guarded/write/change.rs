use bson::{Bson, doc};

use super::changing::Changing;
use super::failure_report::Standing;
use super::prepare::Sought;
use super::request::Moment;
use super::transaction::{Writing, Written, id};
use crate::guarded::error::GuardedError;
use crate::store::documents::{DocumentsError, Updated};

impl Writing<'_> {
    pub(super) async fn change(
        &mut self,
        sought: &Sought<'_>,
        changing: &Changing,
        returns: Option<Moment>,
    ) -> Result<Written, GuardedError> {
        let stored = self.matched(sought).await?;
        let projection = sought.selection.request.query.projection();
        if stored.is_empty() && changing.upsert {
            let (id, document) = self.upsert(sought.selection, changing).await?;
            let mut written = Written { upserted: Some(id), ..Written::default() };
            if returns == Some(Moment::After) {
                written.document = self.collection.shown(&document, projection)?;
            }
            return Ok(written);
        }
        self.take(stored.len())?;
        if self.collection.guard.updates_what_it_reads() {
            self.standing = Standing::Permitted;
        } else if !self.collection.guard.visibility().is_whole() {
            self.standing = Standing::of(self.foresee(&stored, changing)?);
        }
        let mut written = Written::default();
        let mut ids = Vec::with_capacity(stored.len());
        for document in &stored {
            self.in_time()?;
            let id = id(document)?;
            let updated = match self.apply(&id, sought, changing).await {
                // Users who see whole documents may learn that a document was rejected for what it contains, but not
                // that it conflicts with another document.
                Err(DocumentsError::DuplicateKey) if self.standing != Standing::Permitted => {
                    self.standing = Standing::of(self.foresee(&stored, changing)?);
                    return Err(DocumentsError::DuplicateKey.into());
                }
                updated => updated?,
            };
            written.matched += 1;
            written.modified += u64::from(updated.modified);
            ids.push(id);
        }
        let changed = self.by_ids(&ids).await?;
        for (before, after) in stored.iter().zip(&changed) {
            self.in_time()?;
            self.collection.judged_update(before, &self.collection.guard.update(before, after))?;
            self.collection.refuse_untouchable(before, Some(after.into()), changing)?;
        }
        self.standing = Standing::Permitted;
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

    async fn apply(&mut self, id: &Bson, sought: &Sought<'_>, changing: &Changing) -> Result<Updated, DocumentsError> {
        let mut filter = doc! { "_id": { "$eq": id } };
        if changing.needs_position {
            filter = doc! { "$and": [filter, sought.selection.filter.clone()] };
        }
        self.transaction.update(&self.collection.namespace, &filter, &changing.change, false).await
    }
}
