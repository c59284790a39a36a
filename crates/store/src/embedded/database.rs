use std::path::Path;
use std::sync::{Arc, Weak};

use bson::Document;
use redb::{MultimapTableDefinition, ReadTransaction, StorageError, TableDefinition, TableError, WriteTransaction};

use super::documents::EmbeddedDocuments;
use super::file::StateFile;
use portcullis::store::StoreError;

/// An application and the ID of one of its objects.
pub(super) type Key<'a> = (&'a str, &'a str);

/// Maps a user's ID to the user, as BSON.
pub(super) const USERS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("users");
/// Maps application, provider type and the provider's ID for a person to the user's ID.
pub(super) const IDENTITIES: TableDefinition<'_, (&str, &str, &str), &str> = TableDefinition::new("identities");
/// Maps a session's ID to the session, as BSON.
pub(super) const SESSIONS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("sessions");
/// Maps a user's ID to the IDs of the user's sessions.
pub(super) const SESSIONS_OF_USER: MultimapTableDefinition<'_, Key<'_>, &str> =
    MultimapTableDefinition::new("sessions_of_user");

/// Maps a trigger's name to its state, as BSON.
pub(super) const TRIGGERS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("triggers");

/// The users and sessions of one application, in a file that only one process at a time can open and that several
/// applications can share. Writes are durable when the call returns; this blocks the thread for some milliseconds.
#[derive(Debug)]
pub struct Embedded {
    file: Arc<StateFile>,
    pub(super) application: String,
}

impl Embedded {
    /// Opens the file for the application with this ID, or creates one that only its owner can read. If another
    /// process has it open, this blocks the thread for up to 5 seconds.
    ///
    /// # Errors
    /// The file is still open in another process, is empty or not a database, or cannot be read and written.
    pub fn open(path: &Path, application: impl Into<String>) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StateFile::open(path)?), application: application.into() })
    }

    /// An in-memory store that is discarded with this value.
    ///
    /// # Errors
    /// In practice, none.
    pub fn in_memory(application: impl Into<String>) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StateFile::in_memory()?), application: application.into() })
    }

    /// The users and sessions of another application in the same file.
    #[must_use]
    pub fn of(&self, application: impl Into<String>) -> Self {
        Self { file: Arc::clone(&self.file), application: application.into() }
    }

    /// A weak reference, which does not keep the file open.
    #[must_use]
    pub fn downgrade(&self) -> WeakEmbedded {
        WeakEmbedded(Arc::downgrade(&self.file))
    }

    /// The documents in the same file, which all applications share.
    #[must_use]
    pub fn documents(&self) -> EmbeddedDocuments {
        EmbeddedDocuments::new(Arc::clone(&self.file))
    }

    /// The key of one of the application's objects.
    pub(super) fn key<'a>(&'a self, id: &'a str) -> Key<'a> {
        (&self.application, id)
    }

    /// Notifies those who wait that account events may have been written.
    pub(super) fn notify_events(&self) {
        self.file.events_added.notify_waiters();
    }

    /// Completes once account events may have been written.
    pub(super) fn events_added(&self) -> tokio::sync::futures::Notified<'_> {
        self.file.events_added.notified()
    }

    /// Runs `work` on a consistent snapshot.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.file.read(action, work)
    }

    /// Runs `work` in a transaction, which is committed only if it succeeds.
    pub(super) async fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        self.file.write(action, work).await
    }
}

/// A weak reference to an open file. A file can be opened only once at a time, so later users of the file upgrade this
/// reference.
#[derive(Clone, Debug)]
pub struct WeakEmbedded(Weak<StateFile>);

impl WeakEmbedded {
    /// The users and sessions of an application in the file, if it is still open.
    #[must_use]
    pub fn of(&self, application: impl Into<String>) -> Option<Embedded> {
        Some(Embedded { file: self.0.upgrade()?, application: application.into() })
    }
}

/// Any error of the database or of its contents.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The error for a file that cannot be read or written.
pub(super) fn failed(action: &'static str, error: Failure) -> StoreError {
    let is_damaged = match error.downcast_ref::<StorageError>() {
        Some(error) => matches!(error, StorageError::Corrupted(_)),
        None => matches!(error.downcast_ref(), Some(TableError::Storage(StorageError::Corrupted(_)))),
    };
    match is_damaged {
        true => StoreError::new(action, format!("the file is damaged: restore it from a backup ({error})")),
        false => StoreError::new(action, error),
    }
}

/// Decodes a stored value.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, Failure> {
    Ok(Document::from_reader(bytes)?)
}
