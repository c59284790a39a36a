use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, DatabaseError, ReadTransaction, StorageError, WriteTransaction};
use thiserror::Error;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};

use super::account_events::ACCOUNT_EVENTS;
use super::database::{Failure, IDENTITIES, SESSIONS, SESSIONS_OF_USER, TRIGGERS, USERS, failed};
use super::documents::{CHANGES, DOCUMENTS, IDS};
use super::observers::Observers;
use crate::in_place::in_place;
use portcullis::store::StoreError;

/// The file that holds users, sessions and documents.
#[derive(Debug)]
pub(super) struct StateFile {
    database: Database,
    medium: Medium,
    /// The writer lock. redb's own lock would block the waiting thread, perhaps the only one on which the
    /// current writer can finish.
    writer: Arc<Mutex<()>>,
    /// Notifies watchers of committed documents.
    news: watch::Sender<()>,
    /// Notifies those who wait for account events that new ones were added.
    pub(super) events_added: Notify,
    /// Notified of changes to custom data.
    pub(super) observers: Observers,
}

/// Where the database is stored.
#[derive(Clone, Copy, Debug)]
enum Medium {
    Memory,
    /// Commits take milliseconds, since they wait for the disk.
    Disk,
}

impl StateFile {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut origin = Origin::Found;
        loop {
            let opened = open_private(path, &mut origin).and_then(|file| open_database(file, origin));
            let error = match opened {
                Ok(database) => return Self::with_tables(database, Medium::Disk),
                Err(error) => error,
            };
            // Another process may have created the file but not yet initialized it.
            let passes = matches!(error, OpenError::Taken | OpenError::Empty);
            if !passes || began.elapsed() >= OPEN_TIMEOUT {
                return Err(StoreError::new("cannot open the file of users, sessions and documents", error));
            }
            thread::sleep(RETRY_INTERVAL);
        }
    }

    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| StoreError::new("cannot create an in-memory database", error))?;
        Self::with_tables(database, Medium::Memory)
    }

    /// Creates the tables, so that reads never encounter a missing one.
    fn with_tables(database: Database, medium: Medium) -> Result<Self, StoreError> {
        const ACTION: &str = "cannot prepare the file of users, sessions and documents";
        let file = Self {
            database,
            medium,
            writer: Arc::default(),
            news: watch::Sender::default(),
            events_added: Notify::new(),
            observers: Observers::default(),
        };
        // Read and write transactions have the same methods, but no trait in common.
        macro_rules! open_all {
            ($transaction:ident) => {{
                $transaction.open_table(USERS)?;
                $transaction.open_table(IDENTITIES)?;
                $transaction.open_table(SESSIONS)?;
                $transaction.open_multimap_table(SESSIONS_OF_USER)?;
                $transaction.open_table(DOCUMENTS)?;
                $transaction.open_multimap_table(IDS)?;
                $transaction.open_table(CHANGES)?;
                $transaction.open_table(TRIGGERS)?;
                $transaction.open_table(ACCOUNT_EVENTS)?;
                Ok(())
            }};
        }
        let known = file.read(ACTION, |transaction| open_all!(transaction));
        // The tables usually exist, and a write transaction takes longer and blocks other writers.
        if known.is_err() {
            file.write_alone(ACTION, |transaction| open_all!(transaction))?;
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

    /// Commits a transaction and returns once it is durable. On disk, this blocks the thread, so the runtime moves its
    /// other tasks to another one.
    pub(super) fn commit(&self, transaction: WriteTransaction) -> Result<(), Failure> {
        match self.medium {
            Medium::Memory => transaction.commit()?,
            Medium::Disk => in_place(|| transaction.commit())?,
        }
        Ok(())
    }

    /// Reads from a consistent snapshot.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || work(&self.begin_read()?);
        run().map_err(|error| failed(action, error))
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
            self.commit(transaction)?;
            Ok(result)
        };
        run().map_err(|error: Failure| failed(action, error))
    }
}

/// How long opening a file waits for other processes.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between attempts to open the file.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Whether the file existed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Found,
    Made,
}

/// Why a file cannot be opened.
#[derive(Debug, Error)]
enum OpenError {
    #[error("another process has had it open for more than 5 seconds: stop that process, or share a MongoDB server")]
    Taken,
    /// Treating it as a new file would mean that there are no users.
    #[error("it is empty: its contents are lost; restore a backup, or remove it to start afresh")]
    Empty,
    #[error("it is not an embedded store: name another file, or a MongoDB server by its URI")]
    Foreign,
    #[error("it is damaged: restore it from a backup ({0})")]
    Damaged(String),
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Database(DatabaseError),
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Taken,
            // The file does not start with redb's magic number.
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Self::Foreign
            }
            DatabaseError::Storage(StorageError::Corrupted(how)) => Self::Damaged(how),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use redb::StorageBackend;

    use super::*;

    /// A disk on which, once slowed down, a write does not finish until another request has been answered.
    #[derive(Debug)]
    struct SlowDisk {
        memory: InMemoryBackend,
        is_slow: Arc<AtomicBool>,
        answered: std::sync::Mutex<mpsc::Receiver<()>>,
    }

    impl StorageBackend for SlowDisk {
        fn len(&self) -> Result<u64, io::Error> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
            self.memory.read(offset, out)
        }

        fn set_len(&self, len: u64) -> Result<(), io::Error> {
            self.memory.set_len(len)
        }

        fn sync_data(&self) -> Result<(), io::Error> {
            if self.is_slow.swap(false, Ordering::SeqCst) {
                let answered = self.answered.lock().map_err(|error| io::Error::other(error.to_string()))?;
                let answered = answered.recv_timeout(Duration::from_secs(60));
                answered.map_err(|_| io::Error::other("nobody is answered during a commit"))?;
            }
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
            self.memory.write(offset, data)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_requests_are_answered_during_a_commit() {
        let (answer, answered) = mpsc::channel();
        let is_slow = Arc::new(AtomicBool::new(false));
        let disk =
            SlowDisk { memory: InMemoryBackend::new(), is_slow: Arc::clone(&is_slow), answered: answered.into() };
        let database = Database::builder().create_with_backend(disk).unwrap();
        let file = Arc::new(StateFile::with_tables(database, Medium::Disk).unwrap());
        is_slow.store(true, Ordering::SeqCst);
        let written = tokio::spawn(async move {
            let write = |transaction: &WriteTransaction| {
                transaction.open_table(USERS)?.insert(("app", "ada"), b"".as_slice())?;
                Ok(())
            };
            file.write("cannot write", write).await
        });
        // If the committing thread had to run this task too, the write would fail: the disk waits for the answer.
        let other = tokio::spawn(async move { answer.send(()) });
        written.await.unwrap().unwrap();
        other.await.unwrap().unwrap();
        assert!(!is_slow.load(Ordering::SeqCst), "nothing was written to the disk");
    }
}
