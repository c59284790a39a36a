use bson::RawDocumentBuf;

use super::prepare::Sought;
use super::request::Extent;
use super::told::Standing;
use super::transaction::Writing;
use crate::access::{Buffer, Reason};
use crate::guarded::error::{GuardedError, TooMuch};
use crate::store::documents::Find;
use crate::value::DocumentRef;

impl Writing<'_> {
    /// The stored documents that a write is about: those that its filter finds among what the user may read, as he may read it.
    pub(super) async fn matched(&mut self, sought: &Sought<'_>) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let Sought { selection, reading } = sought;
        let Some(filter) = reading.filter.clone() else { return Ok(Vec::new()) };
        self.standing = Standing::Sought;
        let limits = self.collection.limits;
        let most = match (selection.extent, &reading.check) {
            (Extent::First, None) => 1,
            // One more tells that it is too many.
            (Extent::All, None) => self.left.saturating_add(1),
            (_, Some(_)) => limits.written_checked.saturating_add(1),
        };
        let limit = Some(u64::try_from(most).unwrap_or(u64::MAX));
        let find = Find { sort: reading.order.clone(), limit, ..Find::by(filter) };
        let stored = self.transaction.find(&self.collection.namespace, &find).await?;
        self.standing = Standing::Unjudged;
        let (mut matched, mut buffer) = (Vec::new(), Buffer::new());
        for (number, document) in stored.into_iter().enumerate() {
            self.in_time()?;
            if reading.check.is_some() && number >= limits.written_checked {
                return Err(TooMuch::Sought(limits.written_checked).into());
            }
            let decision = self.collection.guard.read_into(&document, &mut buffer);
            if let Some(Reason::Failed) = decision.reason() {
                return Err(GuardedError::Failed(decision.errors().to_vec()));
            }
            let Some(visible) = decision.allowed() else { continue };
            if let Some(check) = &reading.check
                && !check.answers(DocumentRef::Raw(visible))?
            {
                continue;
            }
            matched.push(document);
            if selection.extent == Extent::First {
                break;
            }
            if matched.len() > self.left {
                return Err(TooMuch::Written(limits.written_documents).into());
            }
        }
        Ok(matched)
    }
}
