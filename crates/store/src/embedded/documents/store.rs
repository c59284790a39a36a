use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bson::{Document, RawDocumentBuf};

use super::changes::ChangeLogLimits;
use super::cursor::{Given, Reading};
use super::failure::{broken, check_namespace};
use super::stage::Search;
use super::transaction::Writing;
use crate::embedded::file::StateFile;
use portcullis::store::StoreError;
use portcullis::store::documents::{Cursor, DocumentStore, DocumentsError, Find, Namespace, Redaction, Transaction};
use portcullis::{BoxFuture, Clock, SystemClock};

/// Documents in a file that one process at a time can open, with MongoDB's meaning of filters, orders, projections and
/// updates; what it has not, it refuses. The file may hold users and sessions too.
///
/// Queries read one state of the file, whatever is written meanwhile. One transaction at a time can write; others wait
/// for it, without blocking their thread, for at most [`PATIENCE`](Self::PATIENCE), and then fail with
/// [`Conflict`](DocumentsError::Conflict); only within a Tokio runtime that has timers do they fail at all. What was
/// committed is on the disk. A commit blocks its thread for some milliseconds.
///
/// Only `_id` has an index: any other filter reads the whole collection.
///
/// Every commit writes what it changes to a [log](ChangeLogLimits) too, with the documents before and after, so that it can be
/// [watched](portcullis::store::documents::Watch) and followed up later.
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

    /// Opens a file, or makes one that nobody else can read. Where another process has it open, this waits up to 5 seconds,
    /// blocking its thread.
    ///
    /// # Errors
    /// Another process keeps it open, it is something else or empty, or it cannot be read and written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::new(Arc::new(StateFile::open(path)?)))
    }

    /// Documents that last as long as this value and its clones.
    ///
    /// # Errors
    /// None that is known.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::new(Arc::new(StateFile::in_memory()?)))
    }

    pub(in crate::embedded) fn new(file: Arc<StateFile>) -> Self {
        Self { file, clock: Arc::new(SystemClock), change_log: ChangeLogLimits::default() }
    }

    /// Keeps another length of the log of changes.
    #[must_use]
    pub fn with_change_log(self, limits: ChangeLogLimits) -> Self {
        Self { change_log: limits, ..self }
    }

    /// Uses this clock for the time that `$currentDate` sets, and that of changes.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
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

    /// Begins a transaction that lasts as long as its value, whatever becomes of this one: it keeps all other writers waiting.
    ///
    /// # Errors
    /// Another one does not end within [`PATIENCE`](Self::PATIENCE), or the file cannot be written.
    pub async fn transaction(&self) -> Result<Box<dyn Transaction>, DocumentsError> {
        Ok(Box::new(self.write().await?))
    }

    async fn write(&self) -> Result<Writing, DocumentsError> {
        let turn = match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::time::timeout(Self::PATIENCE, self.file.turn()).await.map_err(|_| {
                DocumentsError::Conflict(format!("it has been writing for more than {:?}", Self::PATIENCE))
            })?,
            // There is nobody who would tell the time.
            Err(_) => self.file.turn().await,
        };
        let transaction = self.file.begin_write(&turn).map_err(broken("cannot begin to write documents"))?;
        Ok(Writing::new(transaction, turn, self.clone()))
    }
}

impl DocumentStore for EmbeddedDocuments {
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

    /// Every stage is carried out here, as it stands and in its place.
    fn redaction(&self, redaction: &Redaction) -> Option<Vec<Document>> {
        redaction.plain().map(|plain| vec![plain])
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async move { Ok(Box::new(self.write().await?) as Box<dyn Transaction>) })
    }
}
