//! What the collections in Portcullis's own database have in common.

use std::time::Duration;

use ::mongodb::options::{
    CollectionOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use ::mongodb::{Collection, Database, IndexModel};
use bson::{Document, RawDocumentBuf, doc};
use tokio::sync::OnceCell;

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, within};
use super::failure::Failure;

/// How long to wait for a majority to acknowledge a write.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for the first use, which creates the indexes.
const PREPARATION_TIMEOUT: Duration = Duration::from_secs(120);

/// A collection in Portcullis's own database, with read and write concern `majority`. Its indexes are created before
/// its first use.
#[derive(Debug)]
pub(super) struct ManagedCollection {
    database: Database,
    collection: Collection<RawDocumentBuf>,
    indexes: fn() -> Vec<IndexModel>,
    prepared: OnceCell<()>,
}

impl ManagedCollection {
    pub(super) fn new(database: &Database, name: &str, indexes: fn() -> Vec<IndexModel>) -> Self {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(
                WriteConcern::builder()
                    .w(::mongodb::options::Acknowledgment::Majority)
                    .w_timeout(ACKNOWLEDGEMENT_TIMEOUT)
                    .build(),
            )
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Self {
            database: database.clone(),
            collection: database.collection_with_options(name, options),
            indexes,
            prepared: OnceCell::new(),
        }
    }

    /// The collection, after creating its indexes if necessary.
    pub(super) async fn ready(&self) -> Result<&Collection<RawDocumentBuf>, Failure> {
        self.prepared.get_or_try_init(|| self.prepare()).await?;
        Ok(&self.collection)
    }

    async fn prepare(&self) -> Result<(), Failure> {
        let name = self.collection.name();
        let known = within(PATIENCE, async {
            let mut cursor = self
                .database
                .run_cursor_command(doc! {
                    "listCollections": 1, "filter": { "name": name },
                })
                .await?;
            Ok(if cursor.advance().await? { Some(cursor.deserialize_current()?) } else { None })
        });
        if let Some(known) = known.await? {
            suitable(name, &known)?;
        }
        let indexes = (self.indexes)();
        if !indexes.is_empty() {
            within(PREPARATION_TIMEOUT, async { self.collection.create_indexes(indexes).await }).await?;
        }
        Ok(())
    }
}

/// Refuses views and the like, and collections with a default collation, under which different IDs could be equal.
fn suitable(name: &str, known: &Document) -> Result<(), Failure> {
    if known.get_str("type").ok() != Some("collection") {
        return Err(Failure::new(format!("`{name}` is not a regular collection; drop it, or use another database")));
    }
    if known.get_document("options").is_ok_and(|options| options.contains_key("collation")) {
        return Err(Failure::new(format!(
            "the collection `{name}` has a default collation, by which different ids can be equal; use another database"
        )));
    }
    Ok(())
}

/// An index with this name.
pub(super) fn index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).collation(simple_collation()).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// A unique index with this name.
pub(super) fn unique_index(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).collation(simple_collation()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// A unique index with this name over only those documents that have a field.
pub(super) fn unique_index_of_those_with(field: &str, name: &str, keys: Document) -> IndexModel {
    let mut model = unique_index(name, keys);
    if let Some(options) = &mut model.options {
        options.partial_filter_expression = Some(doc! { field: { "$exists": true } });
    }
    model
}
