mod event;
mod visible;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bson::{DateTime, Document, RawDocumentBuf, Timestamp, doc};

pub use self::event::{ChangeEvent, VisibleChange, WatchEvent};
use self::visible::{difference, has_id, see};
use super::collection::GuardedCollection;
use super::error::GuardedError;
use crate::access::{Answered, Guard, Query};
use crate::store::documents::{ChangeOperation, Event, Events, Find, StoredChange, Watch, WatchScope, WatchStart};

/// A change stream on a collection as its user may read it.
///
/// Each event is judged by the document before and after the change. It is withheld if the user may read neither, or if
/// no visible data changed. A document that becomes readable is reported as inserted, and one that stops being readable
/// as deleted. MongoDB provides both documents if the collection has `changeStreamPreAndPostImages` enabled. Without
/// them, a change is reported only if nothing can be hidden from the user, whatever the document contained, and the
/// query is for all documents or for certain `_id`s; an update then comes with the current document. All other events
/// are withheld.
///
/// The user is bound once. Only `%%now` is updated, to the time at which each event is delivered, so a permission that
/// expires also expires for the stream. When the user's data changes or the session ends, the host must
/// [end](WatchEnd::end) the stream.
pub struct Watched<'s> {
    events: Box<dyn Events + 's>,
    collection: GuardedCollection<'s>,
    guard: &'s Guard,
    /// Supplies `%%now` for each event. `None` if the rules neither depend on it nor select filters by functions, so
    /// that the guard need not be bound again.
    clock: Option<Clock<'s>>,
    filter: Answered,
    /// Whether the filter concerns nothing but the `_id`.
    is_by_id: bool,
    until: Option<SystemTime>,
    end: WatchEnd,
    /// A change that cannot be judged until a function's result is supplied.
    waiting: Option<Box<StoredChange>>,
}

type Clock<'s> = Box<dyn Fn() -> DateTime + Send + 's>;

/// A handle that ends a change stream.
#[derive(Clone, Debug, Default)]
pub struct WatchEnd(Arc<AtomicBool>);

impl WatchEnd {
    /// Ends the stream; no further change is reported.
    pub fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'s> GuardedCollection<'s> {
    /// Watches the documents that match a query for changes, from now on or from a [position](Watched::position), until
    /// the given time, which should be when the user's token expires. The query's sort order and projection are
    /// ignored.
    ///
    /// # Errors
    /// If there are no rules, if the database does not support change streams, or if its history does not reach back to
    /// the position.
    pub async fn watch(
        &self,
        source: &'s dyn Watch,
        query: &Query,
        from: WatchStart,
        until: Option<SystemTime>,
    ) -> Result<Watched<'s>, GuardedError> {
        self.admit_reading()?;
        let events = source.watch(&WatchScope::Collection(self.namespace.clone()), from).await?;
        let filter = self.guard.answering(query);
        // What is bound when the stream starts would not follow the time, nor later function results.
        let is_bound_anew = self.guard.asks_now() || self.guard.selects_filters_by_functions();
        let clock: Option<Clock<'s>> = is_bound_anew.then(|| Box::new(DateTime::now) as Clock<'s>);
        Ok(Watched {
            events,
            collection: self.clone(),
            guard: self.guard,
            clock,
            filter,
            is_by_id: query.is_by_id(),
            until,
            end: WatchEnd::default(),
            waiting: None,
        })
    }
}

impl<'s> Watched<'s> {
    /// Replaces the system clock as the source of `%%now`.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> DateTime + Send + 's) -> Self {
        if self.clock.is_some() {
            self.clock = Some(Box::new(now));
        }
        self
    }

    /// A handle that ends the stream.
    #[must_use]
    pub fn end(&self) -> WatchEnd {
        self.end.clone()
    }

    /// The position from which the stream can be resumed. It contains `_id`s of documents that the user may not read:
    /// keep it on the server, and give clients only a reference to it.
    #[must_use]
    pub fn position(&self) -> Option<Document> {
        self.events.position()
    }

    /// The next event. Waits for about a second, then returns [`WatchEvent::Nothing`].
    ///
    /// # Errors
    /// If the database fails, or a rule fails for all documents; changes may then have been missed. (A document on
    /// which a rule fails is treated as unreadable.) If the error [waits](GuardedError::waits) for functions, the host
    /// supplies their results to the guard's context and calls this again, to get the same change.
    pub async fn next(&mut self) -> Result<WatchEvent, GuardedError> {
        if self.is_over() {
            return Ok(WatchEvent::Ended);
        }
        let event = match self.waiting.take() {
            Some(change) => Some(Event::Change(change)),
            None => self.events.next().await?,
        };
        // The deadline may have passed while waiting.
        if self.is_over() {
            return Ok(WatchEvent::Ended);
        }
        let change = match event {
            None => return Ok(WatchEvent::Nothing),
            Some(Event::Ended) => {
                self.end.end();
                return Ok(WatchEvent::Ended);
            }
            Some(Event::Change(change)) => *change,
        };
        let (time, position) = (Timestamp { time: change.time.time, increment: 1 }, change.position.clone());
        // The documents before and after the change are judged with the same `%%now`.
        let renewed = self.clock.as_ref().map(|now| self.guard.at(now()));
        let guard = renewed.as_ref().unwrap_or(self.guard);
        let change = if has_images(&change) {
            match self.judged(guard, &change) {
                Err(error) if error.waits() => {
                    self.waiting = Some(Box::new(change));
                    Err(error)
                }
                judged => judged,
            }
        } else {
            unhidden(&self.collection, guard, self.is_by_id.then_some(&self.filter), change).await
        };
        // Hosts look for pending calls in the original context, not in the rebound copy.
        if let Some(renewed) = &renewed {
            self.guard.context().await_calls_of(renewed.context());
        }
        let event = |change| WatchEvent::Change(Box::new(ChangeEvent { change, time, position }));
        Ok(change?.map_or(WatchEvent::Nothing, event))
    }

    /// The change as visible to the user, given the documents before and after it.
    fn judged(&self, guard: &Guard, change: &StoredChange) -> Result<Option<VisibleChange>, GuardedError> {
        let see = |document: &Option<RawDocumentBuf>| match document {
            Some(document) => see(self.guard, guard, &self.filter, document),
            None => Ok(None),
        };
        let (before, after) = (see(&change.before)?, see(&change.after)?);
        Ok(difference(change.operation, before, after)?)
    }

    fn is_over(&self) -> bool {
        self.end.0.load(Ordering::SeqCst) || self.until.is_some_and(|until| SystemTime::now() >= until)
    }
}

/// Whether the documents needed for judging the change are present.
const fn has_images(change: &StoredChange) -> bool {
    let (before, after) = (change.before.is_some(), change.after.is_some());
    match change.operation {
        ChangeOperation::Insert => after,
        ChangeOperation::Update | ChangeOperation::Replace => before && after,
        ChangeOperation::Delete => before,
    }
}

/// The visible change if the documents needed for judging it are missing: `None` unless nothing can be hidden from the
/// user. `ids` is the filter, if it concerns only the `_id`.
async fn unhidden(
    collection: &GuardedCollection<'_>,
    guard: &Guard,
    ids: Option<&Answered>,
    change: StoredChange,
) -> Result<Option<VisibleChange>, GuardedError> {
    let Some(ids) = ids else { return Ok(None) };
    if !guard.hides_nothing() || !has_id(&change, ids)? {
        return Ok(None);
    }
    Ok(match change.operation {
        ChangeOperation::Delete => Some(VisibleChange::Deleted { id: Some(change.id) }),
        ChangeOperation::Insert => None,
        ChangeOperation::Replace => change.after.map(VisibleChange::Replaced),
        ChangeOperation::Update => {
            let Some(description) = change.description else { return Ok(None) };
            let find = Find { limit: Some(1), ..Find::by(doc! { "_id": { "$eq": change.id } }) };
            let mut found = collection.store.find(&collection.namespace, &find).await?;
            // If the document is gone, a later event reports its deletion.
            let document = found.batch().await?.into_iter().next();
            document.map(|document| VisibleChange::Updated { document, description })
        }
    })
}
