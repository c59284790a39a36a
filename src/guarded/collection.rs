use bson::RawDocumentBuf;

use super::error::GuardedError;
use super::heavy_work::{HeavyWork, at_once};
use super::limits::Limits;
use super::read_plan::ReadPlan;
use super::redacted_cursor::{RedactedCursor, sorted};
use super::request::FindRequest;
use super::stream::Stream;
use crate::access::{Answered, Guard};
use crate::store::documents::{Cursor, DocumentStore, DocumentsError, Find, Namespace};

/// A collection as it is visible to one user.
#[derive(Clone)]
pub struct GuardedCollection<'s> {
    pub(super) store: &'s dyn DocumentStore,
    pub(super) namespace: Namespace,
    pub(super) guard: &'s Guard,
    pub(super) limits: Limits,
    pub(super) heavy: HeavyWork,
}

impl<'s> GuardedCollection<'s> {
    /// Creates a view of a collection of `store`. `guard` is the policy of that collection, bound to the user.
    #[must_use]
    pub fn new(store: &'s dyn DocumentStore, namespace: Namespace, guard: &'s Guard) -> Self {
        Self { store, namespace, guard, limits: Limits::default(), heavy: at_once }
    }

    /// Sets the limits that apply to each request.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Lets the host run long work, such as redacting a megabyte-sized batch, off the threads that serve other
    /// requests. By default, it runs on the caller's thread.
    #[must_use]
    pub fn with_heavy_work(self, heavy: HeavyWork) -> Self {
        Self { heavy, ..self }
    }

    pub(super) fn of_store(&self, error: DocumentsError) -> GuardedError {
        GuardedError::of_store(error, self.guard.hides_nothing())
    }

    /// Redacts the documents from a cursor of the store.
    pub(super) fn stream(&self, cursor: Box<dyn Cursor + 's>, check: Option<Answered>) -> Stream<'s> {
        Stream::new(cursor, self.guard, check, self.limits, self.heavy)
    }

    /// Finds the documents that match a query, as the user may read them. They are read lazily, so an error may occur
    /// after some have been returned. Without a sort order in the request, their order is unspecified.
    ///
    /// # Errors
    /// If there are no rules, if the rules refer to something that was not supplied or wait for a function, if the
    /// database fails, or if the request exceeds a limit.
    pub async fn find(&self, request: &FindRequest) -> Result<RedactedCursor<'s>, GuardedError> {
        self.admit_reading()?;
        let reading = ReadPlan::new(self.guard, request);
        let is_pushed = reading.is_pushed();
        let Some(filter) = reading.filter else { return Ok(RedactedCursor::nothing()) };
        let mut find = Find { sort: reading.order, ..Find::by(filter) };
        if is_pushed {
            (find.skip, find.limit) = (request.skip, request.limit);
        }
        let cursor = self.store.find(&self.namespace, &find).await.map_err(|error| self.of_store(error))?;
        let stream = self.stream(cursor, reading.check);
        let found = if reading.sorts {
            RedactedCursor::held(sorted(stream, &request.query).await?)
        } else {
            RedactedCursor::streamed(stream)
        };
        let found = if is_pushed { found } else { found.part(request.skip, request.limit) };
        Ok(found.projected(request.query.projection().cloned(), self.heavy))
    }

    /// Finds the first document that matches a query; `None` if there is none.
    ///
    /// # Errors
    /// Same as [`find`](Self::find).
    pub async fn find_one(&self, request: &FindRequest) -> Result<Option<RawDocumentBuf>, GuardedError> {
        let mut found = self.find(&request.clone().limit(Some(1))).await?;
        Ok(found.batch().await?.into_iter().next())
    }

    /// Rejects all requests to internal collections and to collections without valid rules.
    pub(super) fn admit(&self) -> Result<(), GuardedError> {
        if self.namespace.is_internal() {
            return Err(GuardedError::Internal);
        }
        Ok(self.guard.admit()?)
    }

    /// Rejects reads if the rules refer to something that was not supplied, or if they fail for every document.
    pub(super) fn admit_reading(&self) -> Result<(), GuardedError> {
        self.admit()?;
        Ok(self.guard.supplied()?)
    }
}
