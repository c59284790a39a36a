use std::time::Instant;

use bson::{Document, RawDocumentBuf, doc};

use super::collection::GuardedCollection;
use super::error::{GuardedError, LimitExceeded};
use super::pipeline::Pipeline;
use super::read_plan::steady;
use super::redacted_cursor::{RedactedCursor, by_what_is_visible};
use super::stream::Stream;
use crate::access::{Query, Shown, Visibility};
use crate::query_plan::Plan;
use crate::store::documents::{Find, Redaction};

/// The overhead of each document in an array, in bytes: its type and its index as digits.
const PER_DOCUMENT: usize = 10;

impl<'s> GuardedCollection<'s> {
    /// Runs a pipeline on the documents that the user may read, as the user may read them.
    ///
    /// If every field is visible in all of these documents or in none, the database itself redacts them before the
    /// client's first stage. Otherwise they are redacted here and sent to it, up to
    /// [`Limits::sent_bytes`](super::Limits).
    ///
    /// # Errors
    /// As [`find`](Self::find), and if the database rejects the pipeline.
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
            return Ok(RedactedCursor::made(self.store.aggregate(&self.namespace, &stages).await?));
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
        Ok(RedactedCursor::made(self.store.aggregate_documents(database, documents, &pipeline.stages).await?))
    }

    /// The plan of the rules, narrowed by the pipeline's first stage if it is a filter. That stage also stays in the
    /// pipeline.
    fn narrowed(&self, first: Option<&Query>, visibility: &Visibility) -> Result<Plan, GuardedError> {
        let plan = self.guard.plan()?;
        let Some(first) = first else { return Ok(plan) };
        let narrowed = self.guard.narrowed_loosely(&self.guard.answering(first), visibility);
        // A combined filter that exceeds the limits would not be narrower.
        Ok(if narrowed.needs_check() && !plan.needs_check() { plan } else { narrowed })
    }

    /// The stages with which the database redacts the documents; `None` if it cannot.
    fn redaction(&self, visibility: &Visibility) -> Option<Vec<Document>> {
        match alike(visibility)? {
            None => Some(Vec::new()),
            Some(redaction) => self.store.redaction(&redaction),
        }
    }

    async fn redacted(&self, find: &Find, needs_check: bool) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let cursor = self.store.find(&self.namespace, find).await?;
        let stream = Stream::new(Some(cursor), self.guard, None, self.limits);
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

/// The redaction common to all documents: `Some(None)` if nothing is hidden, `None` if it differs between documents.
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

/// A limit that no collection reaches, although no query optimizer can know that.
const BARRIER: i64 = 1 << 53;

/// The filter of the rules, then a barrier, then the redaction and the client's stages. Without the barrier, the
/// database might evaluate a condition of the client before those of the rules or merge the two, and an error in it
/// would reveal something about documents that may not be read.
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
