//! Shared change streams: all watchers of a collection read from a single change stream of the server.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bson::{Document, Timestamp, doc};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, timeout_at};

use super::changes::MongoEvents;
use super::deadline::patiently;
use super::documents::{MongoDocuments, failed};
use super::failure::Failure;
use portcullis::BoxFuture;
use portcullis::store::StoreError;
use portcullis::store::documents::{DocumentsError, Event, Events, Namespace, StoredChange, WatchScope, WatchStart};

/// The maximum number of changes that are kept for slower readers, and the maximum size of their documents in bytes.
/// The latest change is kept whatever its size.
const MAX_WAITING: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;

/// How long `next` waits for a change before it returns `None`.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The open streams, by collection.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedChanges(Arc<Mutex<HashMap<Namespace, Arc<Slot>>>>);

/// The stream of a collection, if one is open. The lock is held while one is being opened, so that only one is.
#[derive(Debug, Default)]
struct Slot(AsyncMutex<Weak<Hub>>);

/// An open stream. A task reads it for as long as it has readers.
#[derive(Debug)]
struct Hub {
    waiting: Mutex<Waiting>,
    /// Notified of each change and of the end.
    news: watch::Sender<()>,
    /// Keeps the slot in the map while the stream is open.
    _slot: Arc<Slot>,
}

/// The latest changes, which some readers may not have read yet.
#[derive(Debug)]
struct Waiting {
    changes: VecDeque<(Arc<StoredChange>, usize)>,
    bytes: usize,
    /// The number of the first of `changes`.
    first: u64,
    /// The resume position: after the last change, or that of the stream's start.
    position: Option<Document>,
    end: Option<End>,
}

/// Why the stream ended.
#[derive(Clone, Debug)]
enum End {
    Ended,
    HistoryLost,
    Failed(String),
}

impl Hub {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, change: StoredChange) {
        let size = |image: &Option<bson::RawDocumentBuf>| image.as_ref().map_or(0, |image| image.as_bytes().len());
        let size = size(&change.before).saturating_add(size(&change.after));
        let mut waiting = self.waiting();
        waiting.position = Some(change.position.clone());
        waiting.bytes = waiting.bytes.saturating_add(size);
        waiting.changes.push_back((Arc::new(change), size));
        while waiting.changes.len() > 1 && (waiting.bytes > MAX_BYTES || waiting.changes.len() > MAX_WAITING) {
            let Some((_, size)) = waiting.changes.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(size);
            waiting.first = waiting.first.saturating_add(1);
        }
        drop(waiting);
        self.news.send_replace(());
    }

    fn end(&self, end: End) {
        self.waiting().end = Some(end);
        self.news.send_replace(());
    }
}

impl Waiting {
    /// The number that the next change will get.
    fn next(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.changes.len()).unwrap_or(u64::MAX))
    }
}

/// Reads a stream until it ends or has no more readers.
async fn read(mut stream: MongoEvents, hub: Weak<Hub>) {
    while hub.strong_count() > 0 {
        let event = stream.next().await;
        let Some(hub) = hub.upgrade() else { return };
        match event {
            Ok(None) => {}
            Ok(Some(Event::Change(change))) => hub.add(*change),
            Ok(Some(Event::Ended)) => return hub.end(End::Ended),
            Err(DocumentsError::HistoryLost) => return hub.end(End::HistoryLost),
            Err(error) => return hub.end(End::Failed(error.to_string())),
        }
    }
}

impl SharedChanges {
    /// Watches a collection from the present on.
    pub(super) async fn watch<'s>(
        &self,
        store: &'s MongoDocuments,
        namespace: &Namespace,
    ) -> Result<Box<dyn Events + 's>, DocumentsError> {
        let hub = self.hub(store, namespace).await?;
        let (next, position) = {
            let waiting = hub.waiting();
            (waiting.next(), waiting.position.clone())
        };
        // Changes made before this time may still arrive in the stream; the reader skips them.
        let since = now(store).await.map_err(failed)?;
        let (news, namespace) = (hub.news.subscribe(), namespace.clone());
        Ok(Box::new(Reader { store, namespace, since, position, state: State::Shared { hub, news, next } }))
    }

    async fn hub(&self, store: &MongoDocuments, namespace: &Namespace) -> Result<Arc<Hub>, DocumentsError> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Slots in use are also referenced by an open stream or by a task that is opening one.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            Arc::clone(slots.entry(namespace.clone()).or_default())
        };
        let mut open = slot.0.lock().await;
        if let Some(hub) = open.upgrade()
            && hub.waiting().end.is_none()
        {
            return Ok(hub);
        }
        let scope = WatchScope::Collection(namespace.clone());
        let stream = store.open(&scope, WatchStart::Now).await?;
        let waiting = Waiting { changes: VecDeque::new(), bytes: 0, first: 0, position: stream.position(), end: None };
        let hub = Hub { waiting: Mutex::new(waiting), news: watch::Sender::default(), _slot: Arc::clone(&slot) };
        let hub = Arc::new(hub);
        *open = Arc::downgrade(&hub);
        tokio::spawn(read(stream, Arc::downgrade(&hub)));
        Ok(hub)
    }
}

/// The server's operation time.
async fn now(store: &MongoDocuments) -> Result<Timestamp, Failure> {
    let database = store.database("admin");
    let answer = patiently(async { database.run_command(doc! { "ping": 1 }).await }).await?;
    answer.get_timestamp("operationTime").map_err(|_| Failure::new("change streams need a replica set"))
}

/// A reader of a shared stream.
struct Reader<'s> {
    store: &'s MongoDocuments,
    namespace: Namespace,
    /// Changes up to this time are skipped.
    since: Timestamp,
    /// The resume position: after the last change that was returned, or where the reader began.
    position: Option<Document>,
    state: State,
}

enum State {
    Shared {
        hub: Arc<Hub>,
        news: watch::Receiver<()>,
        /// The number of the next change to read.
        next: u64,
    },
    /// A separate stream, for a reader that was so slow that changes were dropped before it read them.
    Own(MongoEvents),
}

/// The next item of a shared stream.
enum Ready {
    Change(Arc<StoredChange>),
    Nothing,
    /// The next change was dropped before it was read.
    Missed,
    End(End),
}

impl Reader<'_> {
    fn ready(&mut self) -> Ready {
        let State::Shared { hub, news, next } = &mut self.state else { return Ready::Missed };
        // Marked before looking, so that a change added from here on wakes the reader.
        news.mark_unchanged();
        let waiting = hub.waiting();
        let Some(at) = next.checked_sub(waiting.first) else { return Ready::Missed };
        match waiting.changes.get(usize::try_from(at).unwrap_or(usize::MAX)) {
            Some((change, _)) => {
                *next = next.saturating_add(1);
                Ready::Change(Arc::clone(change))
            }
            None => waiting.end.clone().map_or(Ready::Nothing, Ready::End),
        }
    }

    async fn wait(&mut self, until: Instant) -> bool {
        match &mut self.state {
            State::Shared { news, .. } => timeout_at(until, news.changed()).await.is_ok_and(|changed| changed.is_ok()),
            State::Own(_) => true,
        }
    }
}

impl Events for Reader<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>> {
        Box::pin(async move {
            let until = Instant::now() + IDLE_AFTER;
            loop {
                if let State::Own(events) = &mut self.state {
                    match events.next().await? {
                        Some(Event::Change(change)) if change.time <= self.since => continue,
                        event => return Ok(event),
                    }
                }
                match self.ready() {
                    Ready::Change(change) if change.time <= self.since => {}
                    Ready::Change(change) => {
                        self.position = Some(change.position.clone());
                        return Ok(Some(Event::Change(Box::new(StoredChange::clone(&change)))));
                    }
                    Ready::Nothing => {
                        if !self.wait(until).await {
                            return Ok(None);
                        }
                    }
                    Ready::Missed => {
                        let position = self.position.clone().ok_or(DocumentsError::HistoryLost)?;
                        let scope = WatchScope::Collection(self.namespace.clone());
                        self.state = State::Own(self.store.open(&scope, WatchStart::After(position)).await?);
                    }
                    Ready::End(End::Ended) => return Ok(Some(Event::Ended)),
                    Ready::End(End::HistoryLost) => return Err(DocumentsError::HistoryLost),
                    Ready::End(End::Failed(error)) => {
                        return Err(StoreError::new("the change stream has ended", error).into());
                    }
                }
            }
        })
    }

    fn position(&self) -> Option<Document> {
        match &self.state {
            State::Own(events) => events.position(),
            State::Shared { .. } => self.position.clone(),
        }
    }
}
