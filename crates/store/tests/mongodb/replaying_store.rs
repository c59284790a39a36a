//! A store that does what a guard must not be built on: the transaction that is judged is given up, and the same is then done again
//! in another one.

use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf};
use portcullis::BoxFuture;
use portcullis::store::documents::{
    Change, Cursor, DocumentStore, DocumentsError, Find, Namespace, Transaction, Turn, Updated,
};
use portcullis_store::mongodb::MongoDocuments;
use tokio::time::sleep;

pub(crate) struct ReplayingStore(pub(crate) MongoDocuments);

struct Judged<'s> {
    store: &'s MongoDocuments,
    transaction: Box<dyn Transaction + 's>,
    done: Vec<Done>,
}

enum Done {
    Insert(Namespace, Document),
    Update(Namespace, Document, Change, bool),
    Delete(Namespace, Bson),
}

impl DocumentStore for ReplayingStore {
    fn find<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.0.find(namespace, find)
    }

    fn aggregate<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        pipeline: &'a [Document],
    ) -> BoxFuture<'a, Result<Box<dyn Cursor + 's>, DocumentsError>> {
        self.0.aggregate(namespace, pipeline)
    }

    fn pause(&self, attempt: u32) -> BoxFuture<'_, ()> {
        self.0.pause(attempt)
    }

    fn turn<'a>(&'a self, namespace: &'a Namespace) -> BoxFuture<'a, Turn> {
        self.0.turn(namespace)
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Transaction + '_>, DocumentsError>> {
        Box::pin(async {
            let transaction = self.0.begin().await?;
            Ok(Box::new(Judged { store: &self.0, transaction, done: Vec::new() }) as Box<dyn Transaction>)
        })
    }
}

impl Transaction for Judged<'_> {
    fn find<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        find: &'a Find,
    ) -> BoxFuture<'a, Result<Vec<RawDocumentBuf>, DocumentsError>> {
        self.transaction.find(namespace, find)
    }

    fn insert<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        document: &'a Document,
    ) -> BoxFuture<'a, Result<Bson, DocumentsError>> {
        self.done.push(Done::Insert(namespace.clone(), document.clone()));
        self.transaction.insert(namespace, document)
    }

    fn update<'a>(
        &'a mut self,
        namespace: &'a Namespace,
        filter: &'a Document,
        change: &'a Change,
        upsert: bool,
    ) -> BoxFuture<'a, Result<Updated, DocumentsError>> {
        self.done.push(Done::Update(namespace.clone(), filter.clone(), change.clone(), upsert));
        self.transaction.update(namespace, filter, change, upsert)
    }

    fn delete<'a>(&'a mut self, namespace: &'a Namespace, id: &'a Bson) -> BoxFuture<'a, Result<bool, DocumentsError>> {
        self.done.push(Done::Delete(namespace.clone(), id.clone()));
        self.transaction.delete(namespace, id)
    }

    fn commit<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), DocumentsError>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            self.transaction.abort().await;
            loop {
                sleep(Duration::from_millis(5)).await;
                match again(self.store, &self.done).await {
                    Err(error) if error.is_transient() => {}
                    result => return result,
                }
            }
        })
    }
}

async fn again(store: &MongoDocuments, done: &[Done]) -> Result<(), DocumentsError> {
    let mut transaction = store.begin().await?;
    for one in done {
        match one {
            Done::Insert(namespace, document) => _ = transaction.insert(namespace, document).await?,
            Done::Update(namespace, filter, change, upsert) => {
                _ = transaction.update(namespace, filter, change, *upsert).await?;
            }
            Done::Delete(namespace, id) => _ = transaction.delete(namespace, id).await?,
        }
    }
    transaction.commit().await
}
