use std::path::Path;
use std::sync::Arc;

use bson::Document;
use redb::{MultimapTableDefinition, ReadTransaction, TableDefinition, WriteTransaction};

use super::documents::EmbeddedDocuments;
use super::file::StateFile;
use portcullis::store::StoreError;

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

/// By a trigger's name its state, as BSON.
pub(super) const TRIGGERS: TableDefinition<'_, Key<'_>, &[u8]> = TableDefinition::new("triggers");

/// The users and sessions of one application, in a file that one process at a time can open and that other applications
/// may share. What a call has written when it returns is on the disk; a crash loses nothing of it. A call blocks its
/// thread for that long, some milliseconds.
#[derive(Debug)]
pub struct Embedded {
    file: Arc<StateFile>,
    pub(super) application: String,
}

impl Embedded {
    /// Opens a file for the application with this id, or makes one that nobody else can read. Where another process has
    /// it open, this waits up to 5 seconds, blocking its thread.
    ///
    /// # Errors
    /// Another process keeps it open, it is something else or empty, or it cannot be read and written.
    pub fn open(path: &Path, application: impl Into<String>) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StateFile::open(path)?), application: application.into() })
    }

    /// Users and sessions that last as long as this value.
    ///
    /// # Errors
    /// None that is known.
    pub fn in_memory(application: impl Into<String>) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StateFile::in_memory()?), application: application.into() })
    }

    /// The users and sessions of another application in the same file.
    #[must_use]
    pub fn of(&self, application: impl Into<String>) -> Self {
        Self { file: Arc::clone(&self.file), application: application.into() }
    }

    /// The documents in the same file, whatever the application.
    #[must_use]
    pub fn documents(&self) -> EmbeddedDocuments {
        EmbeddedDocuments::new(Arc::clone(&self.file))
    }

    /// The key of what the application has under an id.
    pub(super) fn key<'a>(&'a self, id: &'a str) -> Key<'a> {
        (&self.application, id)
    }

    /// Says that events of users may have been written.
    pub(super) fn notify_events(&self) {
        self.file.events_added.notify_waiters();
    }

    /// Until events of users are written.
    pub(super) fn events_added(&self) -> tokio::sync::futures::Notified<'_> {
        self.file.events_added.notified()
    }

    /// Reads a consistent state.
    pub(super) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.file.read(action, work)
    }

    /// Changes everything or, if the work fails, nothing.
    pub(super) async fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        self.file.write(action, work).await
    }
}

/// Any of the errors of the database, or of what stands in it.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A stored value as a document.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, Failure> {
    Ok(Document::from_reader(bytes)?)
}
