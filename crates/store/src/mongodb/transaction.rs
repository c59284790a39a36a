use std::time::Duration;

use ::mongodb::options::{
    Acknowledgment, DeleteOptions, FindOptions, ReadConcern, ReadPreference, ReplaceOptions, SelectionCriteria,
    TransactionOptions, UpdateModifications, UpdateOptions, WriteConcern,
};
use ::mongodb::results::UpdateResult;
use ::mongodb::{Client, ClientSession, Collection};
use bson::{Bson, Document, RawDocumentBuf, doc};
use tokio::time::{Instant, sleep};

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, READ_PATIENCE, SERVER_TIME, patiently, within};
use super::documents::{failed, find_options};
use super::failure::Failure;
use portcullis::BoxFuture;
use portcullis::store::documents::{Change, DocumentsError, Find, MAX_FOUND_BYTES, Namespace, Transaction, Updated};

/// How long to wait for a majority to acknowledge a commit.
pub(super) const ACKNOWLEDGEMENT: Duration = Duration::from_secs(10);

/// How long a commit is repeated while its outcome is unknown.
const COMMIT_RETRY_TIME: Duration = Duration::from_secs(30);

/// The pause between attempts to commit.
const PAUSE: Duration = Duration::from_millis(50);

/// A transaction in a session of its own, with read concern `snapshot` and write concern `majority`. The driver
/// aborts it when the session is dropped.
pub struct MongoTransaction {
    client: Client,
    pub(super) session: ClientSession,
}

impl MongoTransaction {
    pub(super) async fn begin(client: &Client) -> Result<Self, Failure> {
        let mut session = patiently(async { client.start_session().await }).await?;
        let options = TransactionOptions::builder()
            .read_concern(ReadConcern::snapshot())
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(ACKNOWLEDGEMENT).build())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .max_commit_time(SERVER_TIME)
            .build();
        patiently(async { session.start_transaction().with_options(options).await }).await?;
        Ok(Self { client: client.clone(), session })
    }

    /// Without concerns of its own, so that those of the transaction apply.
    fn collection<T: Send + Sync>(&self, namespace: &Namespace) -> Collection<T> {
        self.client.database(namespace.database()).collection(namespace.collection())
    }

    async fn read(
        &mut self,
        namespace: &Namespace,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<RawDocumentBuf>, DocumentsError> {
        let collection = self.collection::<RawDocumentBuf>(namespace);
        let session = &mut self.session;
        let find = async {
            let mut cursor = collection.find(filter).with_options(options).session(&mut *session).await?;
            let (mut found, mut bytes) = (Vec::new(), 0_usize);
            while cursor.advance(&mut *session).await? {
                let document = cursor.current().to_owned();
                bytes = bytes.saturating_add(document.as_bytes().len());
                if bytes > MAX_FOUND_BYTES {
                    return Ok(None);
                }
                found.push(document);
            }
            Ok(Some(found))
        };
        within(READ_PATIENCE, find).await.map_err(failed)?.ok_or(DocumentsError::TooLarge)
    }

    async fn change(
        &mut self,
        namespace: &Namespace,
        filter: &Document,
        change: &Change,
        upsert: bool,
    ) -> Result<UpdateResult, Failure> {
        let collection = self.collection::<Document>(namespace);
        let session = &mut self.session;
        let (modifications, array_filters) = match change {
            Change::Operators { update, array_filters } => {
                let filters = (!array_filters.is_empty()).then(|| array_filters.clone());
                (UpdateModifications::Document(update.clone()), filters)
            }
            Change::Pipeline(stages) => (UpdateModifications::Pipeline(stages.clone()), None),
            Change::Replacement(document) => {
                let options = ReplaceOptions::builder().upsert(upsert).collation(simple_collation()).build();
                let replace = collection.replace_one(filter.clone(), document.clone()).with_options(options);
                return patiently(async { replace.session(session).await }).await;
            }
        };
        let mut options = UpdateOptions::builder().upsert(upsert).collation(simple_collation()).build();
        options.array_filters = array_filters;
        let update = collection.update_one(filter.clone(), modifications).with_options(options);
        patiently(async { update.session(session).await }).await
    }

    /// Repeats the commit while its outcome is unknown. If the transaction has been committed, another commit does
    /// nothing.
    async fn settle(&mut self) -> Result<(), DocumentsError> {
        let began = Instant::now();
        loop {
            let failure = match within(PATIENCE, async { self.session.commit_transaction().await }).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if !failure.is_commit_unknown() {
                return Err(failed(failure));
            }
            if began.elapsed() > COMMIT_RETRY_TIME {
                return Err(DocumentsError::OutcomeUnknown(failure.to_string()));
            }
            sleep(PAUSE).await;
        }
    }
}

impl Transaction for MongoTransaction {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        Box::pin(async move {
            let options = find_options(find)?;
            self.read(namespace, find.filter.clone(), options).await
        })
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        Box::pin(async move {
            let collection = self.collection::<Document>(namespace);
            let session = &mut self.session;
            let insert = async { collection.insert_one(document).session(session).await };
            Ok(patiently(insert).await.map_err(failed)?.inserted_id)
        })
    }

    fn insert_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        documents: &'a [&'a Document],
    ) -> BoxFuture<'a, Result<Vec<Bson>, DocumentsError>> {
        Box::pin(async move {
            let collection = self.collection::<Document>(namespace);
            let session = &mut self.session;
            let insert = async { collection.insert_many(documents.iter().copied()).session(session).await };
            within(READ_PATIENCE, insert).await.map_err(failed)?;
            Ok(documents.iter().map(|document| document.get("_id").cloned().unwrap_or(Bson::Null)).collect())
        })
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        Box::pin(async move {
            let result = self.change(namespace, filter, change, upsert).await.map_err(failed)?;
            Ok(Updated {
                matched: result.matched_count > 0,
                modified: result.modified_count > 0,
                upserted: result.upserted_id,
            })
        })
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        Box::pin(async move {
            let collection = self.collection::<Document>(namespace);
            let session = &mut self.session;
            let options = DeleteOptions::builder().collation(simple_collation()).build();
            let filter = doc! { "_id": { "$eq": id } };
            let delete = async { collection.delete_one(filter).with_options(options).session(session).await };
            Ok(patiently(delete).await.map_err(failed)?.deleted_count > 0)
        })
    }

    fn delete_many<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        ids: &'a [Bson],
    ) -> BoxFuture<'a, Result<u64, DocumentsError>> {
        Box::pin(async move {
            let collection = self.collection::<Document>(namespace);
            let session = &mut self.session;
            let options = DeleteOptions::builder().collation(simple_collation()).build();
            let filter = doc! { "_id": { "$in": ids } };
            let delete = async { collection.delete_many(filter).with_options(options).session(session).await };
            Ok(within(READ_PATIENCE, delete).await.map_err(failed)?.deleted_count)
        })
    }

    fn abort<'a>(mut self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async move {
            // If the server cannot be told, it aborts the transaction when its lifetime ends.
            let _ = within(PATIENCE, async { self.session.abort_transaction().await }).await;
        })
    }

    fn commit<'a>(mut self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        Box::pin(async move { self.settle().await })
    }
}
