use std::time::Instant;

use bson::RawDocumentBuf;

use super::error::{GuardedError, TooMuch};
use super::limits::Limits;
use crate::access::{Answered, Buffer, Guard, Reason};
use crate::store::documents::Cursor;
use crate::value::DocumentRef;

/// Documents on their way from a store, redacted; what may not be read, or is not asked for, is left out.
pub(super) struct Stream<'s> {
    pub(super) cursor: Option<Box<dyn Cursor + 's>>,
    pub(super) guard: &'s Guard,
    pub(super) check: Option<Answered>,
    pub(super) limits: Limits,
    /// How many came of which not all need have been asked for.
    checked: u64,
    buffer: Buffer,
}

impl<'s> Stream<'s> {
    pub(super) fn new(
        cursor: Option<Box<dyn Cursor + 's>>,
        guard: &'s Guard,
        check: Option<Answered>,
        limits: Limits,
    ) -> Self {
        Self { cursor, guard, check, limits, checked: 0, buffer: Buffer::new() }
    }

    /// The next documents; none when there are no more.
    pub(super) async fn batch(&mut self, began: Instant) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        loop {
            let Some(cursor) = &mut self.cursor else { return Ok(Vec::new()) };
            let stored = cursor.batch().await?;
            if began.elapsed() > self.limits.time {
                return Err(TooMuch::Time(self.limits.time).into());
            }
            if stored.is_empty() {
                self.cursor = None;
                return Ok(Vec::new());
            }
            if self.check.is_some() {
                self.checked = self.checked.saturating_add(u64::try_from(stored.len()).unwrap_or(u64::MAX));
                if self.checked > self.limits.checked_documents {
                    return Err(TooMuch::Checked(self.limits.checked_documents).into());
                }
            }
            let mut shown = Vec::with_capacity(stored.len());
            for document in &stored {
                shown.extend(self.see(document)?);
            }
            if !shown.is_empty() {
                return Ok(shown);
            }
        }
    }

    fn see(&mut self, stored: &RawDocumentBuf) -> Result<Option<RawDocumentBuf>, GuardedError> {
        let decision = self.guard.read_into(stored, &mut self.buffer);
        if let Some(Reason::Failed) = decision.reason() {
            return Err(GuardedError::Failed(decision.errors().to_vec()));
        }
        let Some(visible) = decision.allowed() else { return Ok(None) };
        let asked = match &self.check {
            Some(check) => check.answers(DocumentRef::Raw(visible))?,
            None => true,
        };
        Ok(asked.then(|| visible.to_owned()))
    }
}
