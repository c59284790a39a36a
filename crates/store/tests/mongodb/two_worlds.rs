//! The law of two worlds on a MongoDB server.

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};
use portcullis::BoxFuture;
use portcullis::store::documents::{DocumentStore, Namespace};
use portcullis_store::mongodb::MongoDocuments;
use std::time::Duration;

use portcullis_testkit::mongodb::World;
use portcullis_testkit::worlds::{self, Base, Effort, Ground};

struct Collections {
    world: World,
    store: MongoDocuments,
    namespaces: [Namespace; 2],
}

impl Collections {
    fn collection(&self, number: usize) -> Collection<Document> {
        self.world.database.collection(self.namespaces[number].collection())
    }

    async fn try_fill(&self, number: usize, documents: &[Document], ground: &Ground) -> mongodb::error::Result<()> {
        let collection = self.collection(number);
        collection.drop().await?;
        self.world.database.create_collection(collection.name()).await?;
        if !documents.is_empty() {
            collection.insert_many(documents).await?;
        }
        for keys in &ground.indexes {
            collection.create_index(IndexModel::builder().keys(keys.clone()).build()).await?;
        }
        if let Some(unique) = &ground.unique {
            let options = IndexOptions::builder().unique(true).build();
            let index = IndexModel::builder().keys(doc! { unique: 1 }).options(options).build();
            collection.create_index(index).await?;
        }
        if let Some(validator) = &ground.validator {
            let command = doc! { "collMod": collection.name(), "validator": validator, "validationLevel": "strict" };
            self.world.database.run_command(command).await?;
        }
        Ok(())
    }
}

impl Base for Collections {
    fn kind(&self) -> worlds::Store {
        worlds::Store::MongoDb
    }

    fn world(&self, number: usize) -> (&dyn DocumentStore, &Namespace) {
        (&self.store, &self.namespaces[number])
    }

    fn fill<'a>(
        &'a self,
        number: usize,
        documents: &'a [Document],
        ground: &'a Ground,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move { self.try_fill(number, documents, ground).await.map_err(|error| error.to_string()) })
    }

    fn stored(&self, number: usize) -> BoxFuture<'_, Vec<Document>> {
        Box::pin(async move { self.collection(number).find(doc! {}).await.unwrap().try_collect().await.unwrap() })
    }
}

const POLICIES: usize = 110;

/// How much longer than others this test may take.
pub(crate) fn extra_time() -> Duration {
    Duration::from_secs(600) * worlds::factor(POLICIES)
}

pub(crate) async fn no_request_distinguishes_two_worlds(world: World) {
    let namespaces =
        ["one", "other"].map(|name| Namespace::parse(&format!("{}.{name}", world.database.name())).unwrap());
    let base = Collections { store: MongoDocuments::new(&world.client), world, namespaces };
    let effort = Effort { policies: POLICIES, reads: 25, pipelines: 60, writes: 40 };
    worlds::no_request_distinguishes_two_worlds(&base, effort).await;
}
