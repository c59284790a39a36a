use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use bson::Document;
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Database, DatabaseError, MultimapTableDefinition, ReadTransaction, TableDefinition, WriteTransaction};

use crate::auth::ProviderType;
use crate::store::StoreError;

/// By a user's id the user, as BSON.
pub(super) const USERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("users");
/// By [`identity_key`] the id of the user.
pub(super) const IDENTITIES: TableDefinition<'_, &str, &str> = TableDefinition::new("identities");
/// By a session's id the session, as BSON.
pub(super) const SESSIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sessions");
/// By a user's id the ids of the sessions.
pub(super) const SESSIONS_OF_USER: MultimapTableDefinition<'_, &str, &str> =
    MultimapTableDefinition::new("sessions_of_user");

/// Users and sessions in a file that one process at a time can open. What a call has written when it returns is on the
/// disk; a crash loses nothing of it. A call blocks its thread for that long, some milliseconds.
#[derive(Debug)]
pub struct Embedded {
    database: Database,
}

impl Embedded {
    /// Opens a file, or makes one that nobody else can read.
    ///
    /// # Errors
    /// It is open in another process, is something else, or cannot be read and written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        const ACTION: &str = "cannot open the file of users and sessions";
        let file = open_private(path).map_err(|error| StoreError::new(ACTION, error))?;
        let backend = FileBackend::new(file);
        let database = backend.and_then(|backend| Database::builder().create_with_backend(backend));
        Self::with_tables(database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::new(ACTION, "another process has it open"),
            error => StoreError::new(ACTION, error),
        })?)
    }

    /// Users and sessions that last as long as this value.
    ///
    /// # Errors
    /// None that is known.
    pub fn in_memory() -> Result<Self, StoreError> {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| StoreError::new("cannot make a database in memory", error))?;
        Self::with_tables(database)
    }

    /// Makes the tables, so that reading never meets one that is not there.
    fn with_tables(database: Database) -> Result<Self, StoreError> {
        let embedded = Self { database };
        embedded.write("cannot prepare the file of users and sessions", |transaction| {
            transaction.open_table(USERS)?;
            transaction.open_table(IDENTITIES)?;
            transaction.open_table(SESSIONS)?;
            transaction.open_multimap_table(SESSIONS_OF_USER)?;
            Ok(())
        })?;
        Ok(embedded)
    }

    /// Reads a consistent state.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = redb::ReadableDatabase::begin_read(&self.database)?;
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

/// Opens a file. One that is made is its owner's alone, whatever directory it stands in: it names people and their sessions.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Any of the errors of the database, or of what stands in it.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A stored value as a document.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, Failure> {
    Ok(Document::from_reader(bytes)?)
}

/// The key of an identity. No type contains the separator.
pub(super) fn identity_key(provider_type: ProviderType, id: &str) -> String {
    format!("{}\0{id}", provider_type.name())
}
