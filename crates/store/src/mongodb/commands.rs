//! MongoDB commands that an application runs as itself, without any rules.

use std::time::Duration;

use ::mongodb::Client;
use bson::{Document, RawDocumentBuf, doc};

use super::deadline::within;
use super::documents::failed;
use super::failure::Failure;
use super::transaction::{ACKNOWLEDGEMENT, MongoTransaction};
use portcullis::store::documents::{DocumentsError, MAX_FOUND_BYTES};

/// The server's time limit for one command, including all batches of its cursor.
const SERVER_TIME_LIMIT: Duration = Duration::from_secs(120);

/// How long a caller waits for a command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(130);

/// Runs commands on a MongoDB server.
///
/// Outside a transaction, every read has read concern `majority` and every write has write concern `majority`;
/// inside, the transaction's concerns apply. The server spends at most 120 seconds on a command.
#[derive(Clone, Debug)]
pub struct MongoCommands {
    client: Client,
}

/// What a command does, which determines its concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
    /// A pipeline that ends in `$out` or `$merge`.
    Both,
}

impl MongoCommands {
    /// Runs commands on the server of this client.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone() }
    }

    /// Begins a transaction, which is aborted if it is dropped.
    ///
    /// # Errors
    /// [`DocumentsError::NoTransactions`] if the server does not support transactions; any other error if it cannot
    /// be reached.
    pub async fn begin(&self) -> Result<MongoTransaction, DocumentsError> {
        let hello = async { self.client.database("admin").run_command(doc! { "hello": 1 }).await };
        let hello = within(COMMAND_TIMEOUT, hello).await.map_err(failed)?;
        if !hello.contains_key("setName") && hello.get_str("msg").ok() != Some("isdbgrid") {
            return Err(DocumentsError::NoTransactions);
        }
        MongoTransaction::begin(&self.client).await.map_err(failed)
    }

    /// Runs a command that returns a cursor (`find`, `aggregate`) and collects its documents.
    ///
    /// # Errors
    /// The server refuses the command or cannot be reached, or the documents together are [too
    /// large](DocumentsError::TooLarge).
    pub async fn find(
        &self,
        database: &str,
        command: Document,
        transaction: Option<&mut MongoTransaction>,
    ) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
        let kind = if ends_in_a_collection(&command) { Kind::Both } else { Kind::Reads };
        let command = with_concerns(command, kind, transaction.is_some());
        let database = self.client.database(database);
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        let mut take = |document: RawDocumentBuf| {
            bytes = bytes.saturating_add(document.as_bytes().len());
            found.push(document);
            bytes <= MAX_FOUND_BYTES
        };
        let is_all = within(COMMAND_TIMEOUT, async {
            match transaction {
                None => {
                    let mut cursor = database.run_cursor_command(command).await?;
                    while cursor.advance().await? {
                        if !take(cursor.current().to_owned()) {
                            return Ok(false);
                        }
                    }
                }
                Some(MongoTransaction { session, .. }) => {
                    let mut cursor = database.run_cursor_command(command).session(&mut *session).await?;
                    while cursor.advance(&mut *session).await? {
                        if !take(cursor.current().to_owned()) {
                            return Ok(false);
                        }
                    }
                }
            }
            Ok(true)
        });
        if is_all.await.map_err(failed)? { Ok(found) } else { Err(DocumentsError::TooLarge) }
    }

    /// Runs a command that reads (`count`, `distinct`) and returns its reply.
    ///
    /// # Errors
    /// The server refuses the command or cannot be reached.
    pub async fn read(
        &self,
        database: &str,
        command: Document,
        transaction: Option<&mut MongoTransaction>,
    ) -> Result<Document, DocumentsError> {
        self.run(database, with_concerns(command, Kind::Reads, transaction.is_some()), transaction).await
    }

    /// Runs a command that writes (`insert`, `update`, `delete`, `findAndModify`) and returns its reply. If one of
    /// several writes fails, those before it have been performed; without `ordered`, all others have.
    ///
    /// # Errors
    /// A write fails, or the server refuses the command or cannot be reached.
    pub async fn write(
        &self,
        database: &str,
        command: Document,
        transaction: Option<&mut MongoTransaction>,
    ) -> Result<Document, DocumentsError> {
        let command = with_concerns(command, Kind::Writes, transaction.is_some());
        let answer = self.run(database, command, transaction).await?;
        let failure = answer.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
        if let Some(failure) = failure {
            return Err(failed(Failure::of_write(failure)));
        }
        if let Ok(failure) = answer.get_document("writeConcernError") {
            let message = failure.get_str("errmsg").unwrap_or("it was not acknowledged by a majority");
            return Err(DocumentsError::OutcomeUnknown(message.to_owned()));
        }
        Ok(answer)
    }

    async fn run(
        &self,
        database: &str,
        command: Document,
        transaction: Option<&mut MongoTransaction>,
    ) -> Result<Document, DocumentsError> {
        let database = self.client.database(database);
        let answer = within(COMMAND_TIMEOUT, async {
            match transaction {
                None => database.run_command(command).await,
                Some(MongoTransaction { session, .. }) => database.run_command(command).session(session).await,
            }
        });
        answer.await.map_err(failed)
    }

    /// The names of the databases.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn database_names(&self) -> Result<Vec<String>, DocumentsError> {
        within(COMMAND_TIMEOUT, async { self.client.list_database_names().await }).await.map_err(failed)
    }

    /// The names of the collections of a database, sorted.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn collection_names(&self, database: &str) -> Result<Vec<String>, DocumentsError> {
        let database = self.client.database(database);
        let mut names =
            within(COMMAND_TIMEOUT, async { database.list_collection_names().await }).await.map_err(failed)?;
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether a pipeline writes its output to a collection.
fn ends_in_a_collection(command: &Document) -> bool {
    let last = command.get_array("pipeline").ok().and_then(|stages| stages.last()?.as_document());
    last.is_some_and(|stage| stage.contains_key("$out") || stage.contains_key("$merge"))
}

/// Adds the time limit to a command and, outside a transaction, its concerns.
fn with_concerns(mut command: Document, kind: Kind, is_in_transaction: bool) -> Document {
    command.insert("maxTimeMS", i64::try_from(SERVER_TIME_LIMIT.as_millis()).unwrap_or(i64::MAX));
    if is_in_transaction {
        return command;
    }
    if kind != Kind::Writes {
        command.insert("readConcern", doc! { "level": "majority" });
    }
    if kind != Kind::Reads {
        let patience = i64::try_from(ACKNOWLEDGEMENT.as_millis()).unwrap_or(i64::MAX);
        command.insert("writeConcern", doc! { "w": "majority", "wtimeout": patience });
    }
    command
}
