use bson::RawDocumentBuf;

use super::failure_report::Standing;
use super::prepare::Sought;
use super::request::Extent;
use super::transaction::Writing;
use crate::access::{Buffer, Reason};
use crate::guarded::error::{GuardedError, LimitExceeded};
use crate::guarded::redacted_cursor::by_what_is_visible;
use crate::store::documents::Find;
use crate::value::DocumentRef;

impl Writing<'_> {
    /// The stored documents that a write applies to: the documents whose redacted form matches its filter.
    pub(super) async fn matched(&mut self, sought: &Sought<'_>) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let Sought { selection, reading } = sought;
        let Some(filter) = reading.filter.clone() else { return Ok(Vec::new()) };
        self.standing = Standing::Sought;
        let limits = self.collection.limits;
        // If a single document is to be written and ids are partly hidden, it is chosen by visible fields, because the
        // order of ids would reveal something about the others.
        let chooses = selection.extent == Extent::First && reading.sorts;
        let most = match (selection.extent, &reading.check) {
            (Extent::First, None) if !chooses => 1,
            // One extra document, to detect when there are too many.
            (Extent::All, None) => self.left.saturating_add(1),
            (Extent::First, None) | (_, Some(_)) => limits.written_checked.saturating_add(1),
        };
        let limit = Some(u64::try_from(most).unwrap_or(u64::MAX));
        let find = Find { sort: reading.order.clone(), limit, ..Find::by(filter) };
        let stored = self.transaction.find(&self.collection.namespace, &find).await?;
        self.standing = Standing::Unjudged;
        let (mut matched, mut candidates, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        let (mut buffer, mut waits) = (Buffer::new(), None);
        for (number, document) in stored.into_iter().enumerate() {
            self.in_time()?;
            if (chooses || reading.check.is_some()) && number >= limits.written_checked {
                return Err(LimitExceeded::Sought(limits.written_checked).into());
            }
            let decision = self.collection.guard.read_into(&document, &mut buffer);
            if let Some(Reason::Failed) = decision.reason() {
                match self.collection.guard.leave_out(decision.errors()).map_err(GuardedError::of_rules) {
                    // The loop continues, so that the pending function calls of all documents are collected at once.
                    Err(error) if error.waits() => _ = waits.get_or_insert(error),
                    left_out => left_out?,
                }
                continue;
            }
            let Some(visible) = decision.allowed() else { continue };
            if let Some(check) = &reading.check
                && !check.answers(DocumentRef::Raw(visible))?
            {
                continue;
            }
            if chooses {
                let visible = visible.to_owned();
                bytes = bytes.saturating_add(visible.as_bytes().len()).saturating_add(document.as_bytes().len());
                if bytes > limits.held_bytes {
                    return Err(
                        LimitExceeded::Held { documents: limits.written_checked, bytes: limits.held_bytes }.into()
                    );
                }
                candidates.push((visible, document));
                continue;
            }
            matched.push(document);
            if selection.extent == Extent::First {
                break;
            }
            if matched.len() > self.left {
                return Err(LimitExceeded::Written(limits.written_documents).into());
            }
        }
        if let Some(error) = waits {
            return Err(error);
        }
        if chooses {
            let mut visible: Vec<_> = candidates.iter().map(|(visible, _)| visible.clone()).collect();
            by_what_is_visible(&mut visible, self.collection.guard);
            let first = selection.request.query.in_order(visible)?.into_iter().next();
            matched.extend(
                candidates.into_iter().find(|(visible, _)| Some(visible) == first.as_ref()).map(|(_, one)| one),
            );
        }
        Ok(matched)
    }
}
