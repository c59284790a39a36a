use std::cmp::Ordering;

use ::mongodb::options::{Collation, CollectionOptions, FindOptions, ReadConcern, ReadPreference, SelectionCriteria};
use ::mongodb::{Client, Collection};
use bson::{Bson, Document, RawDocumentBuf, doc};

use super::deadline::{SERVER_TIME, patiently};
use super::failure::Failure;
use super::naming::{filter_for, names_of};
use portcullis::BoxFuture;
use portcullis::auth::{CustomDataConfig, CustomDataSource, Selection};
use portcullis::store::{CustomDataStore, LookUpError};
use portcullis::store::{MAX_BYTES, MAX_DOCUMENTS};
use portcullis::value::DocumentRef;

/// The application's own collection of custom-data documents.
///
/// A look-up is one `find` command to the primary, with read concern `majority` and simple collation. More than
/// [`MAX_DOCUMENTS`](Self::MAX_DOCUMENTS) documents that name one user, or more than [`MAX_BYTES`](Self::MAX_BYTES) of
/// them, are an error: which of them counts would be a guess.
#[derive(Clone, Debug)]
pub struct MongoCustomData {
    collection: Collection<RawDocumentBuf>,
    config: CustomDataConfig,
    source: CustomDataSource,
}

/// Under this name the server adds a document's place in the natural order.
const RECORD_ID: &str = "$recordId";

impl MongoCustomData {
    /// How many documents may name one user.
    pub const MAX_DOCUMENTS: usize = MAX_DOCUMENTS;

    /// How large the documents that name one user may be together, in bytes: two of the largest, 32 MiB.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// The collection that a configuration names; none where custom data is disabled.
    #[must_use]
    pub fn new(client: &Client, config: &CustomDataConfig) -> Option<Self> {
        let source = config.source()?.clone();
        Some(Self { collection: collection(client, &source), config: config.clone(), source })
    }

    async fn documents(&self, user_id: &str) -> Result<Vec<Document>, Failure> {
        let filter = filter_for(&self.source.user_id_field, names_of(user_id));
        let mut cursor = patiently(async { self.collection.find(filter).with_options(options()).await }).await?;
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        while patiently(cursor.advance()).await? {
            let document = cursor.current();
            bytes = bytes.saturating_add(document.as_bytes().len());
            if found.len() == Self::MAX_DOCUMENTS || bytes > Self::MAX_BYTES {
                return Err(Failure::new(format!(
                    "more than {} documents, or {} bytes of them, name one user",
                    Self::MAX_DOCUMENTS,
                    Self::MAX_BYTES
                )));
            }
            // Of a key that stands twice the first counts, which the driver's own decoding does not heed.
            let mut document = DocumentRef::Raw(document).to_document()?;
            let place = document.remove(RECORD_ID);
            found.push((place, document));
        }
        // An index brings them in its own order.
        found.sort_by(|(one, _), (other, _)| natural_order(one.as_ref(), other.as_ref()));
        Ok(found.into_iter().map(|(_, document)| document).collect())
    }
}

impl CustomDataStore for MongoCustomData {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let documents =
                self.documents(user_id).await.map_err(|error| error.during("cannot look up custom data"))?;
            Ok(self.config.select(user_id, &documents)?)
        })
    }
}

/// The collection with the guarantees that every reading of custom data needs, whatever the connection string prefers.
pub(super) fn collection(client: &Client, source: &CustomDataSource) -> Collection<RawDocumentBuf> {
    let options = CollectionOptions::builder()
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    client.database(&source.database).collection_with_options(&source.collection, options)
}

/// Comparison byte by byte, whatever the collection's default is: another collation finds others' ids.
pub(super) fn simple_collation() -> Collation {
    Collation::builder().locale("simple".to_owned()).build()
}

/// The same as a part of a command.
pub(super) fn simple_collation_document() -> Document {
    doc! { "locale": "simple" }
}

fn options() -> FindOptions {
    let limit = MongoCustomData::MAX_DOCUMENTS.saturating_add(1);
    FindOptions::builder()
        // One batch takes all of them, and one more to tell when there are too many.
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .batch_size(u32::try_from(limit).unwrap_or(u32::MAX))
        .max_time(SERVER_TIME)
        .collation(simple_collation())
        .show_record_id(true)
        .build()
}

/// By the record ids, which are numbers, or binary where `_id` is the collection's clustering key.
fn natural_order(one: Option<&Bson>, other: Option<&Bson>) -> Ordering {
    match (one, other) {
        (Some(Bson::Int64(one)), Some(Bson::Int64(other))) => one.cmp(other),
        (Some(Bson::Binary(one)), Some(Bson::Binary(other))) => one.bytes.cmp(&other.bytes),
        _ => Ordering::Equal,
    }
}
