//! The law of two worlds on the embedded store.

use bson::Document;
use portcullis::BoxFuture;
use portcullis::store::documents::{DocumentStore, Find, Namespace};
use portcullis_store::EmbeddedDocuments;

use portcullis_testkit::worlds::{self, Base, Effort, Ground};

struct Stores {
    stores: [EmbeddedDocuments; 2],
    namespace: Namespace,
}

impl Base for Stores {
    fn kind(&self) -> worlds::Store {
        worlds::Store::Embedded
    }

    fn world(&self, number: usize) -> (&dyn DocumentStore, &Namespace) {
        (&self.stores[number], &self.namespace)
    }

    fn fill<'a>(
        &'a self,
        number: usize,
        documents: &'a [Document],
        _ground: &'a Ground,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let mut transaction = self.stores[number].begin().await.unwrap();
            let all = Find::default();
            for stored in transaction.find(&self.namespace, &all).await.unwrap() {
                let id = stored.get("_id").unwrap().unwrap().try_into().unwrap();
                transaction.delete(&self.namespace, &id).await.unwrap();
            }
            for document in documents {
                transaction.insert(&self.namespace, document).await.unwrap();
            }
            transaction.commit().await.unwrap();
            Ok(())
        })
    }

    fn stored(&self, number: usize) -> BoxFuture<'_, Vec<Document>> {
        Box::pin(async move {
            let mut transaction = self.stores[number].begin().await.unwrap();
            let found = transaction.find(&self.namespace, &Find::default()).await.unwrap();
            transaction.abort().await;
            found.iter().map(|one| Document::try_from(one).unwrap()).collect()
        })
    }
}

#[tokio::test]
async fn no_request_distinguishes_two_worlds() {
    let store = || EmbeddedDocuments::in_memory().unwrap();
    let base = Stores { stores: [store(), store()], namespace: Namespace::parse("test.world").unwrap() };
    let effort = Effort { policies: 400, reads: 20, pipelines: 6, writes: 60 };
    worlds::no_request_distinguishes_two_worlds(&base, effort).await;
}
