use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use bson::Document;
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, DatabaseError, MultimapTableDefinition, ReadTransaction, TableDefinition, WriteTransaction};
use thiserror::Error;

use crate::store::StoreError;

/// An application and an id of something that it has.
pub(super) type Key<'a> = (&'a str, &'a str);

/// By a user's id the user, as BSON.
pub(super) const USERS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("users");
/// By application, type of provider and the provider's id of a person the id of the user.
pub(super) const IDENTITIES: TableDefinition<'_, (&str, &str, &str), &str> = TableDefinition::new("identities");
/// By a session's id the session, as BSON.
pub(super) const SESSIONS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("sessions");
/// By a user's id the ids of the sessions.
pub(super) const SESSIONS_OF_USER: MultimapTableDefinition<'_, Key<'_>, &str> =
    MultimapTableDefinition::new("sessions_of_user");

/// The users and sessions of one application, in a file that one process at a time can open and that other applications
/// may share. What a call has written when it returns is on the disk; a crash loses nothing of it. A call blocks its
/// thread for that long, some milliseconds.
#[derive(Debug)]
pub struct Embedded {
    database: Arc<Database>,
    pub(super) application: String,
}

impl Embedded {
    /// Opens a file for the application with this id, or makes one that nobody else can read. Where another process has
    /// it open, this waits up to 5 seconds, blocking its thread.
    ///
    /// # Errors
    /// Another process keeps it open, it is something else or empty, or it cannot be read and written.
    pub fn open(path: &Path, application: impl Into<String>) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut origin = Origin::Found;
        loop {
            let opened = open_private(path, &mut origin).and_then(|file| open_database(file, origin));
            let error = match opened {
                Ok(database) => return Self::with_tables(database, application.into()),
                Err(error) => error,
            };
            // Who has just made it has not yet written to it.
            let passes = matches!(error, OpenError::Taken | OpenError::Empty);
            if !passes || began.elapsed() >= PATIENCE {
                return Err(StoreError::new("cannot open the file of users and sessions", error));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Users and sessions that last as long as this value.
    ///
    /// # Errors
    /// None that is known.
    pub fn in_memory(application: impl Into<String>) -> Result<Self, StoreError> {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| StoreError::new("cannot make a database in memory", error))?;
        Self::with_tables(database, application.into())
    }

    /// The users and sessions of another application in the same file.
    #[must_use]
    pub fn of(&self, application: impl Into<String>) -> Self {
        Self { database: Arc::clone(&self.database), application: application.into() }
    }

    /// The key of what the application has under an id.
    pub(super) fn key<'a>(&'a self, id: &'a str) -> Key<'a> {
        (&self.application, id)
    }

    /// Makes the tables, so that reading never meets one that is not there.
    fn with_tables(database: Database, application: String) -> Result<Self, StoreError> {
        const ACTION: &str = "cannot prepare the file of users and sessions";
        let embedded = Self { database: Arc::new(database), application };
        let known = embedded.read(ACTION, |transaction| {
            transaction.open_table(USERS)?;
            transaction.open_table(IDENTITIES)?;
            transaction.open_table(SESSIONS)?;
            transaction.open_multimap_table(SESSIONS_OF_USER)?;
            Ok(())
        });
        // To write takes longer, and others wait meanwhile.
        if known.is_err() {
            embedded.write(ACTION, |transaction| {
                transaction.open_table(USERS)?;
                transaction.open_table(IDENTITIES)?;
                transaction.open_table(SESSIONS)?;
                transaction.open_multimap_table(SESSIONS_OF_USER)?;
                Ok(())
            })?;
        }
        Ok(embedded)
    }

    /// Reads a consistent state.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = redb::ReadableDatabase::begin_read(&*self.database)?;
            work(&transaction)
        };
        run().map_err(|error| StoreError::new(action, error))
    }

    /// Changes everything or, if the work fails, nothing.
    pub(super) fn write<T>(
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
    #[error("another process has it open, for more than 5 seconds now")]
    Taken,
    /// Read as a new file it would say that there are no users.
    #[error("it is empty: what was in it is lost; put back a copy, or remove it to begin anew")]
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

/// Any of the errors of the database, or of what stands in it.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A stored value as a document.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, Failure> {
    Ok(Document::from_reader(bytes)?)
}
