use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf};

use super::changes::ChangeLogLimits;
use super::cursor::{Given, Reading};
use super::deferred::Deferred;
use super::failure::{broken, check_namespace};
use super::stage::Search;
use super::transaction::Writing;
use crate::embedded::file::StateFile;
use portcullis::auth::CustomDataSource;
use portcullis::store::documents::{Cursor, DocumentStore, DocumentsError, Find, Namespace, Redaction, Transaction};
use portcullis::store::{CustomDataObserver, StoreError};
use portcullis::{BoxFuture, Clock, SystemClock};

/// Documents in a file that only one process at a time can open, with MongoDB's semantics of filters, sorts,
/// projections and updates; what is not supported is refused. The same file may hold users and sessions.
///
/// Queries read a snapshot, which concurrent writes do not affect. There is one writing transaction at a time; others
/// wait for it without blocking their thread, for at most [`PATIENCE`](Self::PATIENCE), and then fail with
/// [`Conflict`](DocumentsError::Conflict). This timeout needs a Tokio runtime with timers; without one, they wait
/// indefinitely. Commits are durable, and block their thread for some milliseconds.
///
/// Only `_id` is indexed: any other filter scans the whole collection.
///
/// Every commit also writes its changes, with the documents before and after, to a [log](ChangeLogLimits), so that
/// the store can be [watched](portcullis::store::documents::Watch) and streams can be resumed later.
#[derive(Clone)]
pub struct EmbeddedDocuments {
    pub(super) file: Arc<StateFile>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) change_log: ChangeLogLimits,
}

impl std::fmt::Debug for EmbeddedDocuments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedDocuments").finish_non_exhaustive()
    }
}

impl EmbeddedDocuments {
    /// How long a transaction waits for its turn.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens a file, or creates one that only its owner can read. If another process has it open, this blocks the
    /// thread for up to 5 seconds.
    ///
    /// # Errors
    /// The file is still open in another process, is empty or not a database, or cannot be read and written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::new(Arc::new(StateFile::open(path)?)))
    }

    /// An in-memory store that is discarded with this value and its clones.
    ///
    /// # Errors
    /// In practice, none.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::new(Arc::new(StateFile::in_memory()?)))
    }

    pub(in crate::embedded) fn new(file: Arc<StateFile>) -> Self {
        Self { file, clock: Arc::new(SystemClock), change_log: ChangeLogLimits::default() }
    }

    /// Sets the limits of the change log.
    #[must_use]
    pub fn with_change_log(self, limits: ChangeLogLimits) -> Self {
        Self { change_log: limits, ..self }
    }

    /// Sets the clock that `$currentDate` and the times of changes use.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Registers an observer of custom data. It is notified of each committed change before the write returns.
    pub fn observe_custom_data(&self, source: &CustomDataSource, observer: Weak<dyn CustomDataObserver>) {
        self.file.observers.add(source, observer);
    }

    fn read<'s>(
        &'s self,
        namespace: &Namespace,
        search: Result<Search, DocumentsError>,
    ) -> Result<Box<dyn Cursor + 's>, DocumentsError> {
        check_namespace(namespace)?;
        let search = search?;
        let transaction = self.file.begin_read().map_err(broken("cannot read documents"))?;
        Ok(Box::new(Reading::new(transaction, namespace, search)?))
    }

    /// Begins a transaction, which may outlive this value. From its first read or write on, all other writers wait until it ends.
    #[must_use]
    pub fn transaction(&self) -> Box<dyn Transaction> {
        Box::new(Deferred::new(self.clone()))
    }

    /// Waits for the writer lock and begins a transaction.
    ///
    /// # Errors
    /// Another transaction does not end within [`PATIENCE`](Self::PATIENCE), or the file cannot be written.
    pub(super) async fn write(&self) -> Result<Writing, DocumentsError> {
        let turn = match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::time::timeout(Self::PATIENCE, self.file.turn()).await.map_err(|_| {
                DocumentsError::Conflict(format!("it has been writing for more than {:?}", Self::PATIENCE))
            })?,
            // There is no Tokio timer, so this waits without a timeout.
            Err(_) => self.file.turn().await,
        };
        let transaction = self.file.begin_write(&turn).map_err(broken("cannot begin to write documents"))?;
        Ok(Writing::new(transaction, turn, self.clone()))
    }
}

impl DocumentStore for EmbeddedDocuments {
    fn new_id(&self) -> ObjectId {
        let mut id = ObjectId::new().bytes();
        // An `ObjectId` begins with the seconds since 1970 as a big-endian 32-bit integer.
        let seconds = self.clock.now().timestamp_millis().div_euclid(1000).rem_euclid(1 << 32);
        for (byte, second) in id.iter_mut().zip(seconds.to_be_bytes().into_iter().skip(4)) {
            *byte = second;
        }
        ObjectId::from_bytes(id)
    }

    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move { self.read(namespace, Search::of_find(find)) })
    }

    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move { self.read(namespace, Search::of_pipeline(pipeline)) })
    }

    fn aggregate_documents<'s: 'a, 'a>(
        &'s self,
        _database: &'a str,
        documents: Vec<RawDocumentBuf>,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move {
            let given = Given::new(&documents, Search::of_pipeline(pipeline)?)?;
            Ok(Box::new(given) as Box<dyn Cursor + 's>)
        })
    }

    /// The plain form suffices, since stages are evaluated here exactly in the order in which they are written.
    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        redaction.plain().map(|plain| vec![plain])
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async move { Ok(Box::new(self.write().await?) as Box<dyn Transaction>) })
    }
}
