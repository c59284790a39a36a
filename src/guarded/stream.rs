use std::time::Instant;

use bson::RawDocumentBuf;

use super::error::{GuardedError, LimitExceeded};
use super::heavy_work::HeavyWork;
use super::limits::Limits;
use crate::access::{Answered, Buffer, Guard, Reason};
use crate::store::documents::Cursor;
use crate::value::DocumentRef;

/// Redacts documents from a store, omitting those that may not be read or do not match.
pub(super) struct Stream<'s> {
    pub(super) cursor: Option<Box<dyn Cursor + 's>>,
    pub(super) guard: &'s Guard,
    pub(super) check: Option<Answered>,
    pub(super) limits: Limits,
    /// The maximum number of readable documents, if some may have to be omitted; `None` if all are returned.
    most: Option<u64>,
    readable: u64,
    buffer: Buffer,
    pub(super) heavy: HeavyWork,
}

impl<'s> Stream<'s> {
    pub(super) fn new(
        cursor: Box<dyn Cursor + 's>,
        guard: &'s Guard,
        check: Option<Answered>,
        limits: Limits,
        heavy: HeavyWork,
    ) -> Self {
        let most = check.is_some().then_some(limits.checked_documents);
        Self { cursor: Some(cursor), guard, check, limits, most, readable: 0, buffer: Buffer::new(), heavy }
    }

    /// The same stream, for stored documents of which some may not be readable.
    pub(super) fn of_possible(self) -> Self {
        Self { most: Some(self.limits.checked_documents), ..self }
    }

    /// The next batch of documents; empty at the end.
    pub(super) async fn batch(&mut self, began: Instant) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        loop {
            let Some(cursor) = &mut self.cursor else { return Ok(Vec::new()) };
            let stored = cursor.batch().await;
            let stored = stored.map_err(|error| GuardedError::of_store(error, self.guard.hides_nothing()))?;
            if began.elapsed() > self.limits.time {
                return Err(LimitExceeded::Time(self.limits.time).into());
            }
            if stored.is_empty() {
                self.cursor = None;
                return Ok(Vec::new());
            }
            let bytes = stored.iter().map(|document| document.as_bytes().len()).sum();
            let mut shown = None;
            (self.heavy)(bytes, &mut || _ = shown.get_or_insert_with(|| self.see_all(&stored)));
            let shown = shown.unwrap_or_else(|| self.see_all(&stored))?;
            if !shown.is_empty() {
                return Ok(shown);
            }
        }
    }

    fn see_all(&mut self, stored: &[RawDocumentBuf]) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let mut shown = Vec::with_capacity(stored.len());
        let mut waits = None;
        for document in stored {
            match self.see(document) {
                // Continues, so that the pending function calls of all documents are collected at once.
                Err(error) if error.waits() => _ = waits.get_or_insert(error),
                seen => shown.extend(seen?),
            }
        }
        match waits {
            Some(error) => Err(error),
            None => Ok(shown),
        }
    }

    fn see(&mut self, stored: &RawDocumentBuf) -> Result<Option<RawDocumentBuf>, GuardedError> {
        let decision = self.guard.read_into(stored, &mut self.buffer);
        if let Some(Reason::Failed) = decision.reason() {
            self.guard.leave_out(decision.errors()).map_err(GuardedError::Failed)?;
        }
        let Some(visible) = decision.allowed() else { return Ok(None) };
        self.readable = self.readable.saturating_add(1);
        if let Some(most) = self.most.filter(|most| self.readable > *most) {
            return Err(LimitExceeded::Checked(most).into());
        }
        let asked = match &self.check {
            Some(check) => check.answers(DocumentRef::Raw(visible))?,
            None => true,
        };
        Ok(asked.then(|| visible.to_owned()))
    }
}
