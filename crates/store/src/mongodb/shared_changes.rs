//! Change streams that all who watch a collection share: a server has one for each collection, however many clients watch it.

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

/// How many changes wait for readers that are slower than others, and how many bytes of documents. One change waits even if it is
/// larger.
const MOST_WAITING: usize = 10_000;
const MOST_BYTES: usize = 32 << 20;

/// How long a reader waits for a change before it says that there was none.
const WAIT: Duration = Duration::from_secs(1);

/// The streams that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedChanges(Arc<Mutex<HashMap<Namespace, Arc<Slot>>>>);

/// The stream of a collection, if one is open. Whoever opens one has others wait for it.
#[derive(Debug, Default)]
struct Slot(AsyncMutex<Weak<Hub>>);

/// A stream that a task of its own reads for as long as it has subscribers.
#[derive(Debug)]
struct Hub {
    waiting: Mutex<Waiting>,
    /// Becomes another with each change, and at the end.
    news: watch::Sender<()>,
    /// Valid for as long as the stream is read.
    _slot: Arc<Slot>,
}

/// The changes that not everybody may have read yet.
#[derive(Debug)]
struct Waiting {
    changes: VecDeque<(Arc<StoredChange>, usize)>,
    bytes: usize,
    /// The number of the first of them.
    first: u64,
    /// The position after the last change, or of the beginning.
    position: Option<Document>,
    end: Option<End>,
}

/// Why there will be no more changes.
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
        while waiting.changes.len() > 1 && (waiting.bytes > MOST_BYTES || waiting.changes.len() > MOST_WAITING) {
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
    /// The number of the next change.
    fn next(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.changes.len()).unwrap_or(u64::MAX))
    }
}

/// Reads a stream until nobody wants to know any more.
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
    /// The changes of a collection from now on.
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
        // What had happened before may still be on its way.
        let since = now(store).await.map_err(failed)?;
        let (news, namespace) = (hub.news.subscribe(), namespace.clone());
        Ok(Box::new(Reader { store, namespace, since, position, state: State::Shared { hub, news, next } }))
    }

    async fn hub(&self, store: &MongoDocuments, namespace: &Namespace) -> Result<Arc<Hub>, DocumentsError> {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever reads a stream has its slot, and whoever opens one.
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

/// The time of the server's last write.
async fn now(store: &MongoDocuments) -> Result<Timestamp, Failure> {
    let database = store.database("admin");
    let answer = patiently(async { database.run_command(doc! { "ping": 1 }).await }).await?;
    answer.get_timestamp("operationTime").map_err(|_| Failure::new("only a replica set tells what changes"))
}

/// A reader of a shared stream.
struct Reader<'s> {
    store: &'s MongoDocuments,
    namespace: Namespace,
    /// What happened up to then is passed over.
    since: Timestamp,
    /// The position after the last change that was told.
    position: Option<Document>,
    state: State,
}

enum State {
    Shared {
        hub: Arc<Hub>,
        news: watch::Receiver<()>,
        /// The number of the next change.
        next: u64,
    },
    /// A stream of its own, of a reader so slow that the others do not wait for it.
    Own(MongoEvents),
}

/// What a shared stream has for a reader.
enum Ready {
    Change(Arc<StoredChange>),
    Nothing,
    /// It existed but has been removed.
    Missed,
    End(End),
}

impl Reader<'_> {
    fn ready(&mut self) -> Ready {
        let State::Shared { hub, news, next } = &mut self.state else { return Ready::Missed };
        // What comes from here on wakes the reader up.
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
            let until = Instant::now() + WAIT;
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
