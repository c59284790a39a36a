use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bson::{Bson, DateTime, Document, RawDocumentBuf};

use super::collection::GuardedCollection;
use super::error::GuardedError;
use crate::access::{Answered, Guard, Query, Reason};
use crate::store::documents::{Event, Events, Namespace, Watch};
use crate::value::{DocumentRef, Malformed, identical};

/// The changes of a collection, as its user may read it.
///
/// Each event is judged by what the document was and by what it became: one of a document that the user may read
/// neither before nor after, or of which nothing changed that the user may read, is withheld; a document that becomes
/// readable is reported as inserted, one that ceases to be readable as deleted. Where the database does not know the
/// document before or after (MongoDB does if the collection has `changeStreamPreAndPostImages` enabled), the change
/// cannot be judged, and the event is withheld.
///
/// The user is bound once; only `%%now` is updated, to the time at which each event is delivered, so a permission that
/// expires also expires for the stream. When the user's data changes or the session ends, the host must
/// [end](WatchEnd::end) the stream.
pub struct Watched<'s> {
    events: Box<dyn Events + 's>,
    guard: &'s Guard,
    /// Tells the time of an event, where the rules ask for it.
    clock: Option<Clock<'s>>,
    filter: Answered,
    until: Option<SystemTime>,
    end: WatchEnd,
}

type Clock<'s> = Box<dyn Fn() -> DateTime + Send + 's>;

/// Ends a stream of changes from outside.
#[derive(Clone, Debug, Default)]
pub struct WatchEnd(Arc<AtomicBool>);

/// An item of a change stream.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// Nothing that the user may know of; ask again.
    Nothing,
    /// A document changed.
    Change(Box<VisibleChange>),
    /// There is no more: the time is over, the stream was ended, or the collection is gone.
    Ended,
}

/// A change of a document, as far as the user may read it.
#[derive(Clone, Debug, PartialEq)]
pub enum VisibleChange {
    /// A document is there, which the user did not see before.
    Inserted(RawDocumentBuf),
    /// A document is another.
    Updated {
        /// What is visible of it now.
        document: RawDocumentBuf,
        /// The top-level fields that are new or have another value now.
        updated: Document,
        /// The top-level fields that are gone.
        removed: Vec<String>,
    },
    /// A document is gone, from the user's sight at least.
    Deleted {
        /// Its `_id`, if that was visible.
        id: Option<Bson>,
    },
}

impl WatchEnd {
    /// No change is told any more.
    pub fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'s> GuardedCollection<'s> {
    /// What changes, from now on or from a [position](Watched::position), among the documents that a query finds; until
    /// a time, which is that of the user's token. The query's order and projection do not count.
    ///
    /// # Errors
    /// If there are no rules, or the database tells no changes.
    pub async fn watch(
        &self,
        source: &'s dyn Watch,
        query: &Query,
        after: Option<Document>,
        until: Option<SystemTime>,
    ) -> Result<Watched<'s>, GuardedError> {
        self.admit_reading()?;
        let namespace: &Namespace = &self.namespace;
        let events = source.watch(namespace, after).await?;
        let filter = self.guard.answering(query);
        let clock: Option<Clock<'s>> = self.guard.asks_now().then(|| Box::new(DateTime::now) as Clock<'s>);
        Ok(Watched { events, guard: self.guard, clock, filter, until, end: WatchEnd::default() })
    }
}

impl<'s> Watched<'s> {
    /// Uses this clock instead of the system's for the `%%now` of each event.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> DateTime + Send + 's) -> Self {
        if self.clock.is_some() {
            self.clock = Some(Box::new(now));
        }
        self
    }

    /// What ends the stream.
    #[must_use]
    pub fn end(&self) -> WatchEnd {
        self.end.clone()
    }

    /// Where to go on later. It holds the `_id`s of documents that the user may not read: keep it here, and give the
    /// user a name for it.
    #[must_use]
    pub fn position(&self) -> Option<Document> {
        self.events.position()
    }

    /// What happened next; waits about a second for it.
    ///
    /// # Errors
    /// If the database fails, or a rule does. There may have been changes that were not told.
    pub async fn next(&mut self) -> Result<WatchEvent, GuardedError> {
        if self.is_over() {
            return Ok(WatchEvent::Ended);
        }
        let event = self.events.next().await?;
        // It may have become so in the meantime.
        if self.is_over() {
            return Ok(WatchEvent::Ended);
        }
        // Before and after are judged at one moment.
        let renewed = self.clock.as_ref().map(|now| self.guard.at(now()));
        let guard = renewed.as_ref().unwrap_or(self.guard);
        let see = |document: &RawDocumentBuf| see(guard, &self.filter, document);
        let seen = match event {
            None => return Ok(WatchEvent::Nothing),
            Some(Event::Ended) => {
                self.end.end();
                return Ok(WatchEvent::Ended);
            }
            Some(Event::Inserted { after }) => see(&after).map(|after| (None, after)),
            Some(Event::Changed { before: Some(before), after: Some(after) }) => {
                see(&before).and_then(|before| Ok((before, see(&after)?)))
            }
            Some(Event::Deleted { before: Some(before) }) => see(&before).map(|before| (before, None)),
            Some(Event::Changed { .. } | Event::Deleted { .. }) => Ok((None, None)),
        };
        // The host asks the stream's own context for what functions are to answer.
        if let Some(renewed) = &renewed {
            self.guard.context().await_calls_of(renewed.context());
        }
        let (before, after) = seen?;
        Ok(change(before, after)?.map_or(WatchEvent::Nothing, |change| WatchEvent::Change(Box::new(change))))
    }

    fn is_over(&self) -> bool {
        self.end.0.load(Ordering::SeqCst) || self.until.is_some_and(|until| SystemTime::now() >= until)
    }
}

/// What is visible of a document, if it is one that is asked for.
fn see(guard: &Guard, filter: &Answered, document: &RawDocumentBuf) -> Result<Option<RawDocumentBuf>, GuardedError> {
    let decision = guard.read(document);
    if let Some(Reason::Failed) = decision.reason() {
        return Err(GuardedError::Failed(decision.errors().to_vec()));
    }
    let Some(visible) = decision.allowed() else { return Ok(None) };
    let visible = visible.as_document();
    if !filter.answers(visible)? {
        return Ok(None);
    }
    let document = visible.to_document()?;
    Ok(Some(RawDocumentBuf::try_from(&document).map_err(Malformed::from)?))
}

/// The change between what was visible and what is; `None` if that is the same.
fn change(before: Option<RawDocumentBuf>, after: Option<RawDocumentBuf>) -> Result<Option<VisibleChange>, Malformed> {
    let (before, after) = match (before, after) {
        (None, None) => return Ok(None),
        (None, Some(after)) => return Ok(Some(VisibleChange::Inserted(after))),
        (Some(before), None) => {
            let id = DocumentRef::Raw(&before).get("_id")?.map(crate::value::ValueRef::to_bson).transpose()?;
            return Ok(Some(VisibleChange::Deleted { id }));
        }
        (Some(before), Some(after)) => (before, after),
    };
    let (old, new) = (DocumentRef::Raw(&before), DocumentRef::Raw(&after));
    let (mut updated, mut removed) = (Document::new(), Vec::new());
    for field in new.iter() {
        let (name, value) = field?;
        let same = match old.get(name)? {
            Some(was) => identical(was, value)?,
            None => false,
        };
        if !same {
            updated.insert(name, value.to_bson()?);
        }
    }
    for field in old.iter() {
        let (name, _) = field?;
        if new.get(name)?.is_none() {
            removed.push(name.to_owned());
        }
    }
    let is_same = updated.is_empty() && removed.is_empty();
    Ok((!is_same).then(|| VisibleChange::Updated { document: after, updated, removed }))
}
