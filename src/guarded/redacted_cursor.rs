use std::time::Instant;

use bson::RawDocumentBuf;

use super::error::{GuardedError, LimitExceeded};
use super::heavy_work::HeavyWork;
use super::stream::Stream;
use crate::access::{Guard, Query, Shown};
use crate::projection::Projection;
use crate::store::documents::Cursor;
use crate::value::{DocumentRef, Malformed, RawWriter};

/// The results of a read, fetched lazily.
pub struct RedactedCursor<'s> {
    source: Source<'s>,
    skip: u64,
    limit: Option<u64>,
    projection: Option<(Projection, HeavyWork)>,
}

enum Source<'s> {
    /// Stored documents, to be redacted here.
    Stream(Stream<'s>),
    /// Documents that the database computed from redacted ones, and whether nothing is hidden from the user.
    Made(Box<dyn Cursor + 's>, bool),
    /// Documents held in memory.
    Held(Vec<RawDocumentBuf>),
}

impl<'s> RedactedCursor<'s> {
    pub(super) const fn nothing() -> Self {
        Self::held(Vec::new())
    }

    pub(super) const fn held(documents: Vec<RawDocumentBuf>) -> Self {
        Self { source: Source::Held(documents), skip: 0, limit: None, projection: None }
    }

    pub(super) fn made(cursor: Box<dyn Cursor + 's>, hides_nothing: bool) -> Self {
        Self { source: Source::Made(cursor, hides_nothing), skip: 0, limit: None, projection: None }
    }

    pub(super) const fn streamed(stream: Stream<'s>) -> Self {
        Self { source: Source::Stream(stream), skip: 0, limit: None, projection: None }
    }

    /// Applies `skip` and `limit` to the results.
    pub(super) fn part(self, skip: u64, limit: Option<u64>) -> Self {
        Self { skip, limit, ..self }
    }

    pub(super) fn projected(self, projection: Option<Projection>, heavy: HeavyWork) -> Self {
        Self { projection: projection.map(|projection| (projection, heavy)), ..self }
    }

    /// The next batch of documents, in order; empty at the end.
    ///
    /// # Errors
    /// If the database or a rule fails, or the request exceeds a limit.
    pub async fn batch(&mut self) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let began = Instant::now();
        loop {
            if self.limit == Some(0) {
                self.source = Source::Held(Vec::new());
                return Ok(Vec::new());
            }
            let mut batch = match &mut self.source {
                Source::Stream(stream) => stream.batch(began).await?,
                Source::Made(cursor, hides_nothing) => {
                    cursor.batch().await.map_err(|error| GuardedError::of_store(error, *hides_nothing))?
                }
                Source::Held(documents) => std::mem::take(documents),
            };
            if batch.is_empty() {
                return Ok(batch);
            }
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(batch.len());
            self.skip = self.skip.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX));
            batch.drain(..passed);
            if let Some(limit) = &mut self.limit {
                batch.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
                *limit = limit.saturating_sub(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            }
            if batch.is_empty() {
                continue;
            }
            let Some((projection, heavy)) = &self.projection else { return Ok(batch) };
            let bytes = batch.iter().map(|one| one.as_bytes().len()).sum();
            let all = || batch.iter().map(|one| project(projection, one)).collect::<Result<_, Malformed>>();
            let mut projected = None;
            heavy(bytes, &mut || _ = projected.get_or_insert_with(all));
            return Ok(projected.unwrap_or_else(all)?);
        }
    }

    /// Collects all remaining documents.
    ///
    /// # Errors
    /// Same as [`batch`](Self::batch). Memory use is not limited here; that is up to the caller.
    pub async fn all(mut self) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let mut all = Vec::new();
        loop {
            let batch = self.batch().await?;
            if batch.is_empty() {
                return Ok(all);
            }
            all.extend(batch);
        }
    }
}

pub(super) fn project(projection: &Projection, document: &RawDocumentBuf) -> Result<RawDocumentBuf, Malformed> {
    let mut bytes = Vec::new();
    RawWriter::write(&mut bytes, |writer| projection.write(DocumentRef::Raw(document), writer))?;
    Ok(RawDocumentBuf::from_bytes(bytes)?)
}

/// If ids are hidden in some documents, sorts the documents by their visible bytes, so that their order does not depend
/// on hidden ids.
pub(super) fn by_what_is_visible(documents: &mut [RawDocumentBuf], guard: &Guard) {
    if guard.visibility().of("_id") != Shown::Always {
        documents.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    }
}

/// Collects all documents of a stream in sorted order.
pub(super) async fn sorted(mut stream: Stream<'_>, query: &Query) -> Result<Vec<RawDocumentBuf>, GuardedError> {
    let (began, limits) = (Instant::now(), stream.limits);
    let (mut held, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let batch = stream.batch(began).await?;
        if batch.is_empty() {
            let mut order = || {
                by_what_is_visible(&mut held, stream.guard);
                query.in_order(std::mem::take(&mut held))
            };
            let mut ordered = None;
            (stream.heavy)(bytes, &mut || _ = ordered.get_or_insert_with(&mut order));
            return Ok(ordered.unwrap_or_else(order)?);
        }
        bytes = batch.iter().fold(bytes, |bytes, one| bytes.saturating_add(one.as_bytes().len()));
        held.extend(batch);
        if held.len() > limits.held_documents || bytes > limits.held_bytes {
            return Err(LimitExceeded::Held { documents: limits.held_documents, bytes: limits.held_bytes }.into());
        }
    }
}
