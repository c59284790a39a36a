use bson::RawDocumentBuf;

use super::failure_report::Standing;
use super::prepare::Sought;
use super::request::Extent;
use super::transaction::Writing;
use crate::access::{Buffer, Reason};
use crate::guarded::error::{GuardedError, LimitExceeded};
use crate::guarded::redacted_cursor::by_what_is_visible;
use crate::store::documents::{DocumentsError, Find, MAX_FOUND_BYTES};
use crate::value::DocumentRef;

/// The number of documents to examine first; each further page has twice as many.
const FIRST_PAGE: u64 = 128;

/// The maximum number of documents to examine at a time.
const MAX_PAGE: u64 = 1 << 14;

/// The documents that a write applies to, as far as they are known.
#[derive(Default)]
struct Matched {
    documents: Vec<RawDocumentBuf>,
    /// If the document is chosen by what is visible: the visible and the stored form of each.
    candidates: Vec<(RawDocumentBuf, RawDocumentBuf)>,
    /// The size of both in bytes.
    bytes: usize,
    /// The number of readable documents that were examined.
    readable: usize,
    buffer: Buffer,
}

impl Writing<'_> {
    /// The stored documents that a write applies to: the documents whose redacted form matches its filter.
    ///
    /// Documents that the user may not read do not count towards the limits, since otherwise exceeding them would reveal
    /// how many of those match the filter.
    pub(super) async fn matched(&mut self, sought: &Sought<'_>) -> Result<Vec<RawDocumentBuf>, GuardedError> {
        let Sought { selection, reading } = sought;
        let Some(filter) = reading.filter.clone() else { return Ok(Vec::new()) };
        // If a single document is to be written and ids are partly hidden, it is chosen by visible fields, because the
        // order of ids would reveal something about the others.
        let chooses = selection.extent == Extent::First && reading.sorts;
        let examines = chooses || reading.check.is_some();
        let mut page = match selection.extent {
            _ if examines => FIRST_PAGE,
            Extent::First => 1,
            // One extra document, to detect when there are too many.
            Extent::All => u64::try_from(self.left).unwrap_or(u64::MAX).saturating_add(1),
        };
        let mut sort = reading.order.clone();
        if examines && selection.extent == Extent::All && !sort.contains_key("_id") {
            // Pages of a different order could have a document twice, which would be written twice.
            sort.insert("_id", 1);
        }
        let (mut find, mut max_page) = (Find { sort, ..Find::by(filter) }, MAX_PAGE);
        let mut matched = Matched::default();
        loop {
            find.limit = Some(page);
            self.standing = Standing::Sought;
            let stored = match self.transaction.find(&self.collection.namespace, &find).await {
                Err(DocumentsError::TooLarge) if examines && page > 1 => {
                    page /= 2;
                    max_page = page;
                    continue;
                }
                stored => stored?,
            };
            self.standing = Standing::Unjudged;
            let came = u64::try_from(stored.len()).unwrap_or(u64::MAX);
            let is_enough = self.examine(sought, stored, chooses, &mut matched)?;
            if is_enough || !examines || came < page {
                break;
            }
            find.skip = find.skip.saturating_add(came);
            page = page.saturating_mul(2).min(max_page);
        }
        let Matched { mut documents, candidates, .. } = matched;
        if chooses {
            let mut visible: Vec<_> = candidates.iter().map(|(visible, _)| visible.clone()).collect();
            by_what_is_visible(&mut visible, self.collection.guard);
            let first = selection.request.query.in_order(visible)?.into_iter().next();
            documents.extend(
                candidates.into_iter().find(|(visible, _)| Some(visible) == first.as_ref()).map(|(_, one)| one),
            );
        }
        Ok(documents)
    }

    /// Adds those of some stored documents that the write applies to. Returns whether no more are needed.
    fn examine(
        &self,
        sought: &Sought<'_>,
        stored: Vec<RawDocumentBuf>,
        chooses: bool,
        matched: &mut Matched,
    ) -> Result<bool, GuardedError> {
        let Sought { selection, reading } = sought;
        let (guard, limits) = (self.collection.guard, self.collection.limits);
        let mut waits = None;
        for document in stored {
            self.in_time()?;
            let decision = guard.read_into(&document, &mut matched.buffer);
            if let Some(Reason::Failed) = decision.reason() {
                match guard.leave_out(decision.errors()).map_err(GuardedError::Failed) {
                    // The loop continues, so that the pending function calls of all documents are collected at once.
                    Err(error) if error.waits() => _ = waits.get_or_insert(error),
                    left_out => left_out?,
                }
                continue;
            }
            let Some(visible) = decision.allowed() else { continue };
            matched.readable += 1;
            if (chooses || reading.check.is_some()) && matched.readable > limits.written_checked {
                return Err(LimitExceeded::Sought(limits.written_checked).into());
            }
            if let Some(check) = &reading.check
                && !check.answers(DocumentRef::Raw(visible))?
            {
                continue;
            }
            matched.bytes = matched.bytes.saturating_add(document.as_bytes().len());
            if chooses {
                matched.bytes = matched.bytes.saturating_add(visible.as_bytes().len());
                if matched.bytes > limits.held_bytes {
                    return Err(
                        LimitExceeded::Held { documents: limits.written_checked, bytes: limits.held_bytes }.into()
                    );
                }
                let visible = visible.to_owned();
                matched.candidates.push((visible, document));
                continue;
            }
            if matched.bytes > MAX_FOUND_BYTES && matched.documents.len() > 1 {
                return Err(DocumentsError::TooLarge.into());
            }
            matched.documents.push(document);
            if selection.extent == Extent::First {
                break;
            }
            if matched.documents.len() > self.left {
                return Err(LimitExceeded::Written(limits.written_documents).into());
            }
        }
        waits.map_or(Ok(!matched.documents.is_empty() && selection.extent == Extent::First), Err)
    }
}
