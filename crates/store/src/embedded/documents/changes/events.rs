use std::collections::VecDeque;
use std::time::Duration;

use bson::Document;
use redb::ReadableTable;
use tokio::sync::watch;
use tokio::time::Instant;

use super::log::CHANGES;
use super::record::{Position, Record};
use crate::embedded::database::Failure;
use crate::embedded::documents::EmbeddedDocuments;
use crate::embedded::documents::failure::{broken, check_namespace, refused};
use portcullis::BoxFuture;
use portcullis::store::documents::{DocumentsError, Event, Events, StoredChange, Watch, WatchScope, WatchStart};

/// How long a stream waits for a change before it reports that there was none.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// How many records, and how many bytes of them, are read before the task yields.
const READ_AT_ONCE: usize = 500;
const READ_BYTES: usize = 1024 * 1024;

const READ: &str = "cannot read the change log";

/// Changes made by this process, the only one that has the file open. The documents before and after are always
/// known.
impl Watch for EmbeddedDocuments {
    fn watch<'s: 'a, 'a>(
        &'s self,
        scope: &'a WatchScope,
        from: WatchStart,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>> {
        Box::pin(async move {
            if let WatchScope::Collection(namespace) = scope {
                check_namespace(namespace)?;
            }
            let news = self.file.news();
            let read_to = self.begin(&from)?;
            let following = Following {
                store: self,
                scope: scope.clone(),
                news,
                ready: VecDeque::new(),
                read_to,
                rest: Rest::More,
                told: read_to.to_document(),
            };
            Ok(Box::new(following) as Box<dyn Events + 's>)
        })
    }
}

impl EmbeddedDocuments {
    /// The position at which a stream starts reading.
    fn begin(&self, from: &WatchStart) -> Result<Position, DocumentsError> {
        let wanted = match from {
            WatchStart::Now => None,
            WatchStart::After(document) => {
                let wanted = Position::read(document);
                Some(wanted.ok_or_else(|| refused(260, "this is not a position in the change log"))?)
            }
        };
        let transaction = self.file.begin_read().map_err(broken(READ))?;
        let table = transaction.open_table(CHANGES).map_err(|error| broken(READ)(error.into()))?;
        let failed = |error: redb::StorageError| broken(READ)(error.into());
        let Some(wanted) = wanted else {
            return match table.last().map_err(failed)? {
                Some((number, record)) => {
                    Ok(Position { number: number.value(), time: Record::read(record.value())?.time()? })
                }
                None => Ok(Position::BEGINNING),
            };
        };
        let first = table.first().map_err(failed)?.map_or(1, |(number, _)| number.value());
        let is_known = match table.get(wanted.number).map_err(failed)? {
            Some(record) => Record::read(record.value())?.time()? == wanted.time,
            // The first remaining record directly follows the wanted position.
            None => wanted.number.checked_add(1) == Some(first),
        };
        if is_known { Ok(wanted) } else { Err(DocumentsError::HistoryLost) }
    }
}

/// A reader of the change log.
struct Following<'s> {
    store: &'s EmbeddedDocuments,
    scope: WatchScope,
    /// Changes with each commit.
    news: watch::Receiver<()>,
    /// Changes that have been read but not returned yet.
    ready: VecDeque<StoredChange>,
    read_to: Position,
    rest: Rest,
    /// The position of the change that was returned last.
    told: Document,
}

/// Whether there may be more to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    More,
    Nothing,
}

impl Following<'_> {
    /// Reads the new records, or a part of them.
    fn read(&mut self) -> Result<Rest, DocumentsError> {
        let read = |error: Failure| broken(READ)(error);
        let transaction = self.store.file.begin_read().map_err(read)?;
        let table = transaction.open_table(CHANGES).map_err(|error| read(error.into()))?;
        let failed = |error: redb::StorageError| broken(READ)(error.into());
        let next = self.read_to.number.saturating_add(1);
        if table.first().map_err(failed)?.is_some_and(|(number, _)| number.value() > next) {
            return Err(DocumentsError::HistoryLost);
        }
        let mut bytes = 0_usize;
        for (count, entry) in table.range(next..).map_err(failed)?.enumerate() {
            if count >= READ_AT_ONCE || bytes >= READ_BYTES {
                return Ok(Rest::More);
            }
            let (number, stored) = entry.map_err(failed)?;
            let (number, record) = (number.value(), Record::read(stored.value())?);
            bytes = bytes.saturating_add(stored.value().len());
            if self.is_watched(record.place()?) {
                self.ready.push_back(record.change(number)?);
            }
            self.read_to = Position { number, time: record.time()? };
        }
        Ok(Rest::Nothing)
    }

    fn is_watched(&self, (database, collection): (&str, &str)) -> bool {
        match &self.scope {
            WatchScope::Collection(wanted) => wanted.database() == database && wanted.collection() == collection,
            WatchScope::Database(wanted) => wanted == database,
            WatchScope::Everything => !["admin", "config", "local"].contains(&database),
        }
    }

    /// Waits for a commit until `until`; returns whether there was one.
    async fn wait(&mut self, until: Instant) -> bool {
        match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::time::timeout_at(until, self.news.changed()).await.is_ok(),
            // There is no Tokio timer, so this waits without a timeout.
            Err(_) => self.news.changed().await.is_ok(),
        }
    }
}

impl Events for Following<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>> {
        Box::pin(async move {
            let until = Instant::now() + IDLE_AFTER;
            loop {
                if let Some(change) = self.ready.pop_front() {
                    self.told.clone_from(&change.position);
                    return Ok(Some(Event::Change(Box::new(change))));
                }
                let has_read_all = self.rest == Rest::Nothing && !self.news.has_changed().unwrap_or(true);
                // Other collections may be written to continuously.
                if Instant::now() >= until || (has_read_all && !self.wait(until).await) {
                    return Ok(None);
                }
                // Any commit from here on is either read below or wakes this task.
                self.news.mark_unchanged();
                self.rest = self.read()?;
                if self.ready.is_empty() {
                    self.told = self.read_to.to_document();
                    tokio::task::yield_now().await;
                }
            }
        })
    }

    fn position(&self) -> Option<Document> {
        Some(self.told.clone())
    }
}
