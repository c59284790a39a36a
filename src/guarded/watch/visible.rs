use bson::{RawDocumentBuf, doc};

use super::event::VisibleChange;
use crate::access::{Answered, Guard, Reason};
use crate::guarded::error::GuardedError;
use crate::store::documents::{ChangeOperation, StoredChange, UpdateDescription};
use crate::value::{DocumentRef, Malformed, ValueRef};

/// The visible part of a document; `None` if it is hidden or does not match. `stream` is the original guard, `guard`
/// the one bound for this event.
pub(super) fn see(
    stream: &Guard,
    guard: &Guard,
    filter: &Answered,
    document: &RawDocumentBuf,
) -> Result<Option<RawDocumentBuf>, GuardedError> {
    let decision = guard.read(document);
    if let Some(Reason::Failed) = decision.reason() {
        stream.leave_out(decision.errors()).map_err(GuardedError::Failed)?;
    }
    let Some(visible) = decision.allowed() else { return Ok(None) };
    let visible = visible.as_document();
    if !filter.answers(visible)? {
        return Ok(None);
    }
    let document = visible.to_document()?;
    Ok(Some(RawDocumentBuf::try_from(&document).map_err(Malformed::from)?))
}

/// The change between two visible parts; `None` if they are equal.
pub(super) fn difference(
    operation: ChangeOperation,
    before: Option<RawDocumentBuf>,
    after: Option<RawDocumentBuf>,
) -> Result<Option<VisibleChange>, Malformed> {
    let (before, after) = match (before, after) {
        (None, None) => return Ok(None),
        (None, Some(after)) => return Ok(Some(VisibleChange::Inserted(after))),
        (Some(before), None) => {
            let id = DocumentRef::Raw(&before).get("_id")?.map(ValueRef::to_bson).transpose()?;
            return Ok(Some(VisibleChange::Deleted { id }));
        }
        (Some(before), Some(after)) => (before, after),
    };
    let description = UpdateDescription::between((&before).into(), (&after).into())?;
    Ok((!description.is_empty()).then(|| match operation {
        ChangeOperation::Replace => VisibleChange::Replaced(after),
        _ => VisibleChange::Updated { document: after, description },
    }))
}

/// Whether the changed document matches a filter on the `_id`, which changes cannot affect.
pub(super) fn has_id(change: &StoredChange, filter: &Answered) -> Result<bool, GuardedError> {
    Ok(filter.answers((&doc! { "_id": change.id.clone() }).into())?)
}
