use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, DatabaseError, ReadTransaction, WriteTransaction};
use thiserror::Error;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};

use super::account_events::ACCOUNT_EVENTS;
use super::database::{Failure, IDENTITIES, SESSIONS, SESSIONS_OF_USER, TRIGGERS, USERS};
use super::documents::{CHANGES, DOCUMENTS, IDS};
use portcullis::store::StoreError;

/// The file that holds users, sessions and documents.
#[derive(Debug)]
pub(super) struct StateFile {
    database: Database,
    /// Held by whoever writes. Waiting for the database's own lock would block the thread, which may be the only one
    /// on which the current writer could finish.
    writer: Arc<Mutex<()>>,
    /// Notifies watchers of committed documents.
    news: watch::Sender<()>,
    /// Notifies those who wait for account events that new ones were added.
    pub(super) events_added: Notify,
}

impl StateFile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut origin = Origin::Found;
        loop {
            let opened = open_private(path, &mut origin).and_then(|file| open_database(file, origin));
            let error = match opened {
                Ok(database) => return Self::with_tables(database),
                Err(error) => error,
            };
            // Another process may have created the file but not yet initialized it.
            let passes = matches!(error, OpenError::Taken | OpenError::Empty);
            if !passes || began.elapsed() >= PATIENCE {
                return Err(StoreError::new("cannot open the file of users, sessions and documents", error));
            }
            thread::sleep(PAUSE);
        }
    }

    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| StoreError::new("cannot create an in-memory database", error))?;
        Self::with_tables(database)
    }

    /// Creates the tables, so that reads never encounter a missing one.
    fn with_tables(database: Database) -> Result<Self, StoreError> {
        const ACTION: &str = "cannot prepare the file of users, sessions and documents";
        let file =
            Self { database, writer: Arc::default(), news: watch::Sender::default(), events_added: Notify::new() };
        let known = file.read(ACTION, |transaction| {
            transaction.open_table(USERS)?;
            transaction.open_table(IDENTITIES)?;
            transaction.open_table(SESSIONS)?;
            transaction.open_multimap_table(SESSIONS_OF_USER)?;
            transaction.open_table(DOCUMENTS)?;
            transaction.open_multimap_table(IDS)?;
            transaction.open_table(CHANGES)?;
            transaction.open_table(TRIGGERS)?;
            transaction.open_table(ACCOUNT_EVENTS)?;
            Ok(())
        });
        // The tables usually exist, and a write transaction takes longer and blocks other writers.
        if known.is_err() {
            file.write_alone(ACTION, |transaction| {
                transaction.open_table(USERS)?;
                transaction.open_table(IDENTITIES)?;
                transaction.open_table(SESSIONS)?;
                transaction.open_multimap_table(SESSIONS_OF_USER)?;
                transaction.open_table(DOCUMENTS)?;
                transaction.open_multimap_table(IDS)?;
                transaction.open_table(CHANGES)?;
                transaction.open_table(TRIGGERS)?;
                transaction.open_table(ACCOUNT_EVENTS)?;
                Ok(())
            })?;
        }
        Ok(file)
    }

    /// Begins a read transaction on a consistent snapshot.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Failure> {
        Ok(redb::ReadableDatabase::begin_read(&self.database)?)
    }

    /// Begins a write transaction. The guard proves that it is the caller's turn; without it, this could block the
    /// thread.
    pub(super) fn begin_write(&self, _turn: &OwnedMutexGuard<()>) -> Result<WriteTransaction, Failure> {
        Ok(self.database.begin_write()?)
    }

    /// Waits until there is no other writer.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    /// A receiver that is notified when documents are committed.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Notifies watchers that documents were committed.
    pub(super) fn announce(&self) {
        self.news.send_replace(());
    }

    /// Runs `work` on a consistent snapshot.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || work(&self.begin_read()?);
        run().map_err(|error| StoreError::new(action, error))
    }

    /// Runs `work` in a transaction, which is committed only if it succeeds.
    pub(super) async fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        let _turn = self.turn().await;
        self.write_alone(action, work)
    }

    fn write_alone<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.database.begin_write()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|error: Failure| StoreError::new(action, error))
    }
}

/// How long opening a file waits for other processes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between attempts to open the file.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether the file existed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Found,
    Made,
}

/// Why a file cannot be opened.
#[derive(Debug, Error)]
enum OpenError {
    #[error("another process has had it open for more than 5 seconds")]
    Taken,
    /// Treating it as a new file would mean that there are no users.
    #[error("it is empty: its contents are lost; restore a backup, or remove it to start afresh")]
    Empty,
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Database(DatabaseError),
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Taken,
            error => Self::Database(error),
        }
    }
}

/// Opens a file, or creates one that only its owner can read, whatever directory it is in: it contains users and
/// their sessions.
fn open_private(path: &Path, origin: &mut Origin) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return Ok(opened?),
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.create_new(true).open(path) {
        // Another process has created it in the meantime.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(OpenError::Empty),
        made => {
            let made = made?;
            *origin = Origin::Made;
            Ok(made)
        }
    }
}

fn open_database(file: File, origin: Origin) -> Result<Database, OpenError> {
    let metadata = file.metadata()?;
    if origin == Origin::Found && metadata.is_file() && metadata.len() == 0 {
        return Err(OpenError::Empty);
    }
    Ok(Database::builder().create_with_backend(FileBackend::new(file)?)?)
}
