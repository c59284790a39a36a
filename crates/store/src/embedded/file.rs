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

/// The file in which users, sessions and documents are.
#[derive(Debug)]
pub(super) struct StateFile {
    database: Database,
    /// Who has it may write. The database itself would block the thread of whoever waits, and with it perhaps the only
    /// thread on which the other could come to an end.
    writer: Arc<Mutex<()>>,
    /// Tells those who watch that documents were committed.
    news: watch::Sender<()>,
    /// Tells whoever waits for events of users that there are new ones.
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
            // Who has just made it has not yet written to it.
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

    /// Makes the tables, so that reading never meets one that is not there.
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
        // To write takes longer, and others wait meanwhile.
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

    /// Begins to read a consistent state.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Failure> {
        Ok(redb::ReadableDatabase::begin_read(&self.database)?)
    }

    /// Begins to write. Who has not waited for its turn may block its thread.
    pub(super) fn begin_write(&self, _turn: &OwnedMutexGuard<()>) -> Result<WriteTransaction, Failure> {
        Ok(self.database.begin_write()?)
    }

    /// Waits until nobody else writes.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    /// What wakes up those who watch.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Wakes up those who watch: documents were committed.
    pub(super) fn announce(&self) {
        self.news.send_replace(());
    }

    /// Reads a consistent state.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || work(&self.begin_read()?);
        run().map_err(|error| StoreError::new(action, error))
    }

    /// Changes everything or, if the work fails, nothing.
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

/// How long an open waits for other processes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits between attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a file comes from.
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
    /// Read as a new file it would say that there are no users.
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

/// Opens a file. One that is made is its owner's alone, whatever directory it stands in: it names people and their sessions.
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
        // Another process was faster.
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
