use std::time::Duration;

use ::mongodb::error::Result as DriverResult;
use ::mongodb::options::{
    AggregateOptions, CollectionOptions, DatabaseOptions, FindOptions, ReadConcern, ReadPreference, SelectionCriteria,
};
use ::mongodb::{Client, Collection, Cursor as DriverCursor, Database};
use bson::{Document, RawDocumentBuf, doc};
use tokio::sync::OnceCell;

use super::custom_data::simple_collation;
use super::deadline::{READ_PATIENCE, READ_TIME, patiently, within};
use super::failure::Failure;
use super::shared_changes::SharedChanges;
use super::single::write_single;
use super::transaction::MongoTransaction;
use super::turns::Turns;
use crate::in_place::in_place_if_large;
use portcullis::BoxFuture;
use portcullis::store::StoreError;
use portcullis::store::documents::{
    Cursor, DocumentStore, DocumentsError, Find, Namespace, SingleWrite, SingleWritten, Transaction, Turn,
};

/// The size in bytes at which a batch is complete. Its last document may exceed it.
const BATCH_BYTES: usize = 1 << 20;

/// The maximum number of documents in a batch.
const BATCH_DOCUMENTS: usize = 1000;

/// The pause between attempts at a transaction grows by this much after each attempt, up to `MAX_PAUSES` times.
const RETRY_PAUSE: Duration = Duration::from_millis(2);
const MAX_PAUSES: u32 = 25;

/// The collections of a MongoDB server.
///
/// Every read is a command to the primary with read concern `majority`, the simple collation and a limit of 30
/// seconds on the server, regardless of the connection string and the collection's defaults.
#[derive(Clone, Debug)]
pub struct MongoDocuments {
    client: Client,
    /// The client for change streams.
    streams: Client,
    transactions: OnceCell<bool>,
    pub(super) shared: SharedChanges,
    turns: Turns,
}

impl MongoDocuments {
    /// The collections on the server of this client.
    #[must_use]
    pub fn new(client: &Client) -> Self {
        let (client, streams) = (client.clone(), client.clone());
        Self {
            client,
            streams,
            transactions: OnceCell::new(),
            shared: SharedChanges::default(),
            turns: Turns::default(),
        }
    }

    /// Opens change streams with a separate client, such as one from [`connect_streams`](super::connect_streams): each
    /// stream occupies a connection while it waits for changes.
    #[must_use]
    pub fn with_streams(self, streams: &Client) -> Self {
        Self { streams: streams.clone(), ..self }
    }

    /// The client for change streams.
    pub(super) const fn streams(&self) -> &Client {
        &self.streams
    }

    pub(super) fn database(&self, name: &str) -> Database {
        let options = DatabaseOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        self.client.database_with_options(name, options)
    }

    pub(super) fn collection(&self, namespace: &Namespace) -> Collection<RawDocumentBuf> {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        self.client.database(namespace.database()).collection_with_options(namespace.collection(), options)
    }

    /// Whether the server supports transactions, as members of replica sets and `mongos` do.
    async fn has_transactions(&self) -> Result<bool, Failure> {
        let asked = self.transactions.get_or_try_init(|| async {
            let hello = patiently(async { self.database("admin").run_command(doc! { "hello": 1 }).await }).await?;
            Ok::<_, Failure>(hello.contains_key("setName") || hello.get_str("msg").ok() == Some("isdbgrid"))
        });
        asked.await.copied()
    }
}

impl DocumentStore for MongoDocuments {
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move {
            let options = find_options(find)?;
            let collection = self.collection(namespace);
            let find = async { collection.find(find.filter.clone()).with_options(options).await };
            opened(within(READ_PATIENCE, find).await)
        })
    }

    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move {
            let collection = self.collection(namespace);
            let aggregate = async {
                let aggregate = collection.aggregate(pipeline.to_vec()).with_options(aggregate_options());
                aggregate.with_type::<RawDocumentBuf>().await
            };
            opened(within(READ_PATIENCE, aggregate).await)
        })
    }

    fn aggregate_documents<'s: 'a, 'a>(
        &'s self,
        database: &'a str,
        documents: Vec<RawDocumentBuf>,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        Box::pin(async move {
            let bytes = documents.iter().map(|document| document.as_bytes().len()).sum();
            let documents =
                in_place_if_large(bytes, || documents.iter().map(Document::try_from).collect::<Result<Vec<_>, _>>());
            let documents = documents.map_err(|error| failed(Failure::new(error.to_string())))?;
            // `$literal`, so that nothing in a document is evaluated as an expression.
            let mut stages = vec![doc! { "$documents": { "$literal": documents } }];
            stages.extend_from_slice(pipeline);
            let database = self.database(database);
            let aggregate = async {
                let aggregate = database.aggregate(stages).with_options(aggregate_options());
                aggregate.with_type::<RawDocumentBuf>().await
            };
            opened(within(READ_PATIENCE, aggregate).await)
        })
    }

    fn write_single<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        write: &'a SingleWrite,
    ) -> BoxFuture<'a, Result<SingleWritten, DocumentsError>> {
        Box::pin(write_single(&self.client, namespace, write))
    }

    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(RETRY_PAUSE * attempt.min(MAX_PAUSES)))
    }

    fn turn<'a>(&'a self, namespace: &'a Namespace) -> BoxFuture<'a, Turn> {
        Box::pin(self.turns.take(namespace))
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async move {
            if !self.has_transactions().await.map_err(failed)? {
                return Err(DocumentsError::NoTransactions);
            }
            let transaction = MongoTransaction::begin(&self.client).await.map_err(failed)?;
            Ok(Box::new(transaction) as Box<dyn Transaction>)
        })
    }
}

/// Translates a query into the driver's options.
pub(super) fn find_options(find: &Find) -> Result<FindOptions, DocumentsError> {
    let too_many =
        |what: &str| DocumentsError::Refused { code: None, message: format!("{what} is too large a number") };
    let some = |document: &Document| (!document.is_empty()).then(|| document.clone());
    let limit = find.limit.map(i64::try_from).transpose().map_err(|_| too_many("limit"))?;
    if limit == Some(0) {
        // To MongoDB, a limit of 0 means no limit.
        return Err(DocumentsError::Refused { code: None, message: "a limit of 0 finds nothing".to_owned() });
    }
    let mut options = FindOptions::builder().max_time(READ_TIME).collation(simple_collation()).build();
    options.projection = some(&find.projection);
    options.sort = some(&find.sort);
    options.skip = (find.skip > 0).then_some(find.skip);
    options.limit = limit;
    if i64::try_from(find.skip).is_err() {
        return Err(too_many("skip"));
    }
    Ok(options)
}

fn aggregate_options() -> AggregateOptions {
    AggregateOptions::builder().max_time(READ_TIME).collation(simple_collation()).build()
}

fn opened<'a>(cursor: Result<DriverCursor<RawDocumentBuf>, Failure>) -> Result<Box<dyn Cursor + 'a>, DocumentsError> {
    Ok(Box::new(MongoCursor { cursor: cursor.map_err(failed)? }))
}

/// Converts a failure of the driver into an error of the document store.
pub(super) fn failed(failure: Failure) -> DocumentsError {
    let message = failure.message().to_owned();
    match failure.code() {
        _ if failure.is_transient() => DocumentsError::Conflict(message),
        _ if failure.is_duplicate_key() => DocumentsError::DuplicateKey,
        Some(code) => DocumentsError::Refused { code: Some(code), message },
        None => StoreError::new("the database cannot be queried", failure).into(),
    }
}

struct MongoCursor {
    cursor: DriverCursor<RawDocumentBuf>,
}

impl MongoCursor {
    /// The next batch of documents.
    async fn next_batch(&mut self) -> DriverResult<Vec<RawDocumentBuf>> {
        let (mut batch, mut bytes) = (Vec::new(), 0_usize);
        while bytes < BATCH_BYTES && batch.len() < BATCH_DOCUMENTS && self.cursor.advance().await? {
            let document = self.cursor.current().to_owned();
            bytes = bytes.saturating_add(document.as_bytes().len());
            batch.push(document);
        }
        Ok(batch)
    }
}

impl Cursor for MongoCursor {
    fn batch(&mut self) -> BoxFuture<'_, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async { within(READ_PATIENCE, self.next_batch()).await.map_err(failed) })
    }
}
