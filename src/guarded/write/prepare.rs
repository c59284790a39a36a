use std::borrow::Cow;

use bson::{Document, doc};

use super::changing::Changing;
use super::failure_report::{At, Standing};
use super::request::{Action, Moment, Selection, Write};
use crate::guarded::GuardedCollection;
use crate::guarded::error::{GuardedError, LimitExceeded, WriteKind};
use crate::guarded::read_plan::ReadPlan;
use crate::store::documents::{Change, DocumentStore};

/// A write that has passed every check that needs no stored data.
pub(super) struct Prepared<'w> {
    pub(super) step: Step<'w>,
    pub(super) returns: Option<Moment>,
    /// Whether it is permitted regardless of which documents it matches.
    pub(super) is_permitted: bool,
}

pub(super) enum Step<'w> {
    /// The documents to insert, each with an `_id`.
    Insert(Vec<Cow<'w, Document>>),
    Change(Sought<'w>, &'w Changing),
    Delete(Sought<'w>),
}

/// The documents that a write applies to, and the plan for finding them.
pub(super) struct Sought<'w> {
    pub(super) selection: &'w Selection,
    pub(super) reading: ReadPlan,
}

impl Prepared<'_> {
    pub(super) const fn operation(&self) -> WriteKind {
        match self.step {
            Step::Insert(_) => WriteKind::Insert,
            Step::Change(..) => WriteKind::Update,
            Step::Delete(_) => WriteKind::Delete,
        }
    }
}

impl GuardedCollection<'_> {
    /// Rejects writes that can be rejected without stored data, before any write is carried out: a later rejection
    /// would reveal that the writes before it were permitted. Inserts are judged here, because they depend only on the
    /// client's own values.
    pub(super) fn prepared<'w>(&self, writes: &'w [Write]) -> Result<Vec<Prepared<'w>>, GuardedError> {
        let mut left = self.limits.written_documents;
        let mut prepared = Vec::with_capacity(writes.len());
        for (number, write) in writes.iter().enumerate() {
            let step = match &write.action {
                Action::Insert(documents) => {
                    let too_many = LimitExceeded::Written(self.limits.written_documents);
                    left = left.checked_sub(documents.len()).ok_or(too_many)?;
                    Step::Insert(documents.iter().map(|document| with_id(document, self.store)).collect())
                }
                Action::Change(selection, changing) => {
                    self.refuse_hidden(changing)?;
                    Step::Change(self.sought(selection)?, changing)
                }
                Action::Delete(selection) => Step::Delete(self.sought(selection)?),
            };
            if let Step::Insert(documents) = &step {
                for document in documents {
                    let at =
                        At { operation: WriteKind::Insert, standing: Standing::Unjudged, number, of: writes.len() };
                    let judged = self.judged(WriteKind::Insert, &self.guard.insert(&**document));
                    judged.map_err(|error| self.disclosed(error, at))?;
                }
            }
            let is_permitted = match &step {
                Step::Insert(_) => true,
                Step::Change(_, changing) => !changing.upsert && self.guard.updates_what_it_reads(),
                Step::Delete(_) => self.guard.deletes_what_it_reads(),
            };
            prepared.push(Prepared { step, returns: write.returns, is_permitted });
        }
        Ok(prepared)
    }

    fn sought<'w>(&self, selection: &'w Selection) -> Result<Sought<'w>, GuardedError> {
        self.admit_reading()?;
        let reading = ReadPlan::new(self.guard, &selection.request);
        if reading.filter.is_some() && !reading.is_ordered {
            let reason = "a write can only be sorted by fields that are visible in every document";
            return Err(GuardedError::Unsupported { what: "sort".to_owned(), place: Some("a write"), reason });
        }
        Ok(Sought { selection, reading })
    }

    /// Denies a change that depends on fields that the user may not read.
    pub(super) fn refuse_hidden(&self, changing: &Changing) -> Result<(), GuardedError> {
        let (what, reason) = match changing {
            Changing { change: Change::Pipeline(_), .. } => {
                ("a pipeline", "its expressions would see fields that may not be read; write update operators")
            }
            Changing { needs_position: true, .. } => (
                "$",
                "the filter would see fields that may not be read; choose the element by `$[name]` and `arrayFilters`",
            ),
            _ => return Ok(()),
        };
        if self.guard.visibility().is_whole() {
            return Ok(());
        }
        Err(GuardedError::Unsupported {
            what: what.to_owned(),
            place: Some("an update of documents with hidden fields"),
            reason,
        })
    }
}

/// The document with an `_id`. If it has none, one is generated, as the database would do.
pub(super) fn with_id<'d>(document: &'d Document, store: &dyn DocumentStore) -> Cow<'d, Document> {
    if document.contains_key("_id") {
        return Cow::Borrowed(document);
    }
    let mut with_id = doc! { "_id": store.new_id() };
    with_id.extend(document.clone());
    Cow::Owned(with_id)
}
