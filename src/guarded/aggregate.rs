use std::time::Instant;

use bson::{Document, RawDocumentBuf, doc};

use super::collection::GuardedCollection;
use super::error::{GuardedError, LimitExceeded};
use super::pipeline::Pipeline;
use super::read_plan::steady;
use super::redacted_cursor::{RedactedCursor, by_what_is_visible};
use crate::access::{Query, Shown, Visibility};
use crate::query_plan::Plan;
use crate::store::documents::{Cursor, DocumentsError, Find, Redaction};

/// The bytes that each document costs when it is sent as an array element: the type byte, the index in decimal and the
/// NUL.
const PER_DOCUMENT: usize = 10;

impl<'s> GuardedCollection<'s> {
    /// Runs a pipeline on the collection as the user may read it: documents that may not be read are left out, and the
    /// others are redacted.
    ///
    /// If each field is visible either in all of these documents or in none, the database redacts them in stages before
    /// the client's. Otherwise they are redacted here and sent to the database as the pipeline's input, up to
    /// [`Limits::sent_bytes`](super::Limits).
    ///
    /// # Errors
    /// Same as [`find`](Self::find). Also fails if the database rejects the pipeline.
    pub async fn aggregate(&self, pipeline: &Pipeline) -> Result<RedactedCursor<'s>, GuardedError> {
        self.admit_reading()?;
        let visibility = self.guard.visibility();
        let plan = self.narrowed(pipeline.first_match.as_ref(), visibility)?;
        // No allowed stage produces documents from an empty input.
        let Some(filter) = plan.filter() else { return Ok(RedactedCursor::nothing()) };
        let order = steady(&plan, Document::new(), self.guard);
        if !plan.needs_check()
            && let Some(redaction) = self.redaction(visibility)
        {
            let stages = stages(&plan, filter, order, redaction, &pipeline.stages);
            return self.made(self.store.aggregate(&self.namespace, &stages).await);
        }
        let find = Find { sort: order, ..Find::by(filter) };
        let is_ordered = !find.sort.is_empty();
        let mut documents = self.redacted(&find, plan.needs_check()).await?;
        if documents.is_empty() {
            return Ok(RedactedCursor::nothing());
        }
        if is_ordered {
            by_what_is_visible(&mut documents, self.guard);
        }
        let database = self.namespace.database();
        self.made(self.store.aggregate_documents(database, documents, &pipeline.stages).await)
    }

    fn made(&self, cursor: Result<Box<dyn Cursor + 's>, DocumentsError>) -> Result<RedactedCursor<'s>, GuardedError> {
        let cursor = cursor.map_err(|error| self.of_store(error))?;
        Ok(RedactedCursor::made(cursor, self.guard.hides_nothing()))
    }

    /// The plan of the rules, narrowed by the client's leading `$match`, if any. That stage nevertheless remains in the
    /// pipeline.
    fn narrowed(&self, first: Option<&Query>, visibility: &Visibility) -> Result<Plan, GuardedError> {
        let plan = self.guard.plan()?;
        let Some(first) = first else { return Ok(plan) };
        let narrowed = self.guard.narrowed_loosely(&self.guard.answering(first), visibility);
        // If narrowing makes the plan inexact, because it exceeds the limits of a filter, the wider but exact plan is
        // better.
        Ok(if narrowed.needs_check() && !plan.needs_check() { plan } else { narrowed })
    }

    /// The stages with which the database redacts documents; `None` if it cannot, because visibility varies by
    /// document.
    fn redaction(&self, visibility: &Visibility) -> Option<Vec<Document>> {
        match alike(visibility)? {
            None => Some(Vec::new()),
            Some(redaction) => self.store.redaction(&redaction),
        }
    }

    async fn redacted(&self, find: &Find, needs_check: bool) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let cursor = self.store.find(&self.namespace, find).await.map_err(|error| self.of_store(error))?;
        let stream = self.stream(cursor, None);
        let mut stream = if needs_check { stream.of_possible() } else { stream };
        let (began, mut documents, mut bytes) = (Instant::now(), Vec::new(), 0_usize);
        loop {
            let batch = stream.batch(began).await?;
            if batch.is_empty() {
                return Ok(documents);
            }
            let size = batch.iter().map(|one| one.as_bytes().len().saturating_add(PER_DOCUMENT)).sum();
            bytes = bytes.saturating_add(size);
            if bytes > self.limits.sent_bytes {
                return Err(LimitExceeded::Sent(self.limits.sent_bytes).into());
            }
            documents.extend(batch);
        }
    }
}

/// The redaction shared by all documents: `Some(None)` if nothing is hidden, `None` if there is no such redaction
/// because visibility varies by document.
fn alike(visibility: &Visibility) -> Option<Option<Redaction>> {
    let of =
        |wanted: Shown| visibility.named().filter(move |(_, shown)| *shown == wanted).map(|(name, _)| name.to_owned());
    if of(Shown::Varies).next().is_some() {
        return None;
    }
    match visibility.others() {
        Shown::Varies => None,
        Shown::Always => {
            let hidden: Vec<String> = of(Shown::Never).collect();
            Some((!hidden.is_empty()).then_some(Redaction::AllBut(hidden)))
        }
        Shown::Never => {
            let shown: Vec<String> = of(Shown::Always).collect();
            (!shown.is_empty()).then_some(Some(Redaction::Only(shown)))
        }
    }
}

/// A `$limit` that no collection reaches, which the query optimizer nevertheless has to honor.
const BARRIER: i64 = 1 << 53;

/// The filter of the rules, a barrier, the redaction and the client's stages. Without the barrier, the optimizer might
/// merge the filters or evaluate a condition of the client first, and an error in it would reveal something about
/// documents that may not be read.
fn stages(
    plan: &Plan,
    filter: Document,
    order: Document,
    redaction: Vec<Document>,
    client: &[Document],
) -> Vec<Document> {
    let mut stages = Vec::new();
    if *plan != Plan::Always {
        stages.push(doc! { "$match": filter });
        stages.extend((!order.is_empty()).then(|| doc! { "$sort": order }));
        stages.push(doc! { "$limit": BARRIER });
    }
    stages.extend(redaction);
    stages.extend_from_slice(client);
    stages
}
