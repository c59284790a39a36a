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

/// The application's collection of custom-data documents.
///
/// A lookup is one `find` command to the primary, with read concern `majority` and the simple collation. If more than
/// [`MAX_DOCUMENTS`](Self::MAX_DOCUMENTS) documents name one user, or they are larger than
/// [`MAX_BYTES`](Self::MAX_BYTES), the lookup fails, since choosing one of them would be a guess.
#[derive(Clone, Debug)]
pub struct MongoCustomData {
    collection: Collection<RawDocumentBuf>,
    config: CustomDataConfig,
    source: CustomDataSource,
}

/// The name under which the server returns a document's record ID, which determines the natural order.
const RECORD_ID: &str = "$recordId";

impl MongoCustomData {
    /// The maximum number of documents that name the same user.
    pub const MAX_DOCUMENTS: usize = MAX_DOCUMENTS;

    /// The maximum total size in bytes of the documents that name one user: two documents of the maximum size, 32
    /// MiB.
    pub const MAX_BYTES: usize = MAX_BYTES;

    /// The collection that a configuration names; `None` if custom data is disabled.
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
            // Of duplicate keys, the first one counts; the driver's own decoder would not ensure that.
            let mut document = DocumentRef::Raw(document).to_document()?;
            let place = document.remove(RECORD_ID);
            found.push((place, document));
        }
        // If an index is used, the documents arrive in its order.
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

/// The collection with the settings that every read of custom data needs, regardless of the connection string.
pub(super) fn collection(client: &Client, source: &CustomDataSource) -> Collection<RawDocumentBuf> {
    let options = CollectionOptions::builder()
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    client.database(&source.database).collection_with_options(&source.collection, options)
}

/// Binary comparison, whatever the collection's default is: under another collation, a lookup would match other
/// users' IDs.
pub(super) fn simple_collation() -> Collation {
    Collation::builder().locale("simple".to_owned()).build()
}

/// The simple collation as part of a command.
pub(super) fn simple_collation_document() -> Document {
    doc! { "locale": "simple" }
}

fn options() -> FindOptions {
    let limit = MongoCustomData::MAX_DOCUMENTS.saturating_add(1);
    FindOptions::builder()
        // A single batch holds all of them, plus one more to detect that there are too many.
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .batch_size(u32::try_from(limit).unwrap_or(u32::MAX))
        .max_time(SERVER_TIME)
        .collation(simple_collation())
        .show_record_id(true)
        .build()
}

/// Compares record IDs, which are numbers, or binary data if the collection is clustered by `_id`.
fn natural_order(one: Option<&Bson>, other: Option<&Bson>) -> Ordering {
    match (one, other) {
        (Some(Bson::Int64(one)), Some(Bson::Int64(other))) => one.cmp(other),
        (Some(Bson::Binary(one)), Some(Bson::Binary(other))) => one.bytes.cmp(&other.bytes),
        _ => Ordering::Equal,
    }
}
