use std::time::Instant;

use bson::{Document, RawDocumentBuf, doc};

use super::collection::GuardedCollection;
use super::error::GuardedError;
use super::read_plan::ReadPlan;
use super::request::FindRequest;
use crate::store::documents::{DocumentsError, Find};
use crate::value::{DocumentRef, Malformed};

impl GuardedCollection<'_> {
    /// Counts the documents that [`find`](Self::find) would return, with skip and limit applied.
    ///
    /// # Errors
    /// Same as [`find`](Self::find).
    pub async fn count(&self, request: &FindRequest) -> Result<u64, GuardedError> {
        self.admit_reading()?;
        let reading = ReadPlan::new(self.guard, request);
        let Some(filter) = reading.filter else { return Ok(0) };
        if reading.check.is_none() {
            match self.count_by_store(&filter, request).await {
                // If the store does not support the count, the documents are counted here.
                Err(DocumentsError::Unsupported { .. }) => {}
                counted => return counted.map_err(|error| self.of_store(error)),
            }
        }
        let find = Find::by(filter);
        let cursor = self.store.find(&self.namespace, &find).await.map_err(|error| self.of_store(error))?;
        let mut stream = self.stream(cursor, reading.check);
        let (began, mut count) = (Instant::now(), 0_u64);
        let enough = request.limit.map(|limit| limit.saturating_add(request.skip));
        loop {
            let batch = stream.batch(began).await?;
            count = count.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            if batch.is_empty() || enough.is_some_and(|enough| count >= enough) {
                let count = count.saturating_sub(request.skip);
                return Ok(request.limit.map_or(count, |limit| count.min(limit)));
            }
        }
    }

    async fn count_by_store(&self, filter: &Document, request: &FindRequest) -> Result<u64, DocumentsError> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut pipeline = vec![doc! { "$match": filter.clone() }];
        pipeline.extend((request.skip > 0).then(|| doc! { "$skip": number(request.skip) }));
        pipeline.extend(request.limit.map(|limit| doc! { "$limit": number(limit) }));
        pipeline.push(doc! { "$count": "count" });
        let mut cursor = self.store.aggregate(&self.namespace, &pipeline).await?;
        let batch = cursor.batch().await?;
        let Some(counted) = batch.first() else { return Ok(0) };
        let nonsense =
            || DocumentsError::Refused { code: None, message: "the database returned an invalid count".to_owned() };
        whole(counted).ok().flatten().ok_or_else(nonsense)
    }
}

fn whole(counted: &RawDocumentBuf) -> Result<Option<u64>, Malformed> {
    let count = DocumentRef::Raw(counted).get("count")?;
    let count = count.and_then(|count| count.number()?.integer());
    Ok(count.and_then(|count| u64::try_from(count).ok()))
}
