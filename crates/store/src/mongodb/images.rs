use bson::{Document, doc};

use super::deadline::{PATIENCE, within};
use super::documents::MongoDocuments;
use super::failure::Failure;
use portcullis::store::StoreError;
use portcullis::store::documents::Namespace;

/// What was done so that a server keeps what the documents of a collection were, without which updates and deletions can be told
/// only to those from whom nothing is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagesKept {
    /// Nothing: it keeps them already.
    Already,
    /// They are kept from now on.
    Enabled,
    /// The collection was not there, and is now; they are kept.
    Created,
}

/// MongoDB's code of a collection that exists already.
const NAMESPACE_EXISTS: i32 = 48;

impl MongoDocuments {
    /// Makes the server keep what documents were and became (`changeStreamPreAndPostImages`, from MongoDB 6.0 on). They are stored
    /// beside the documents until the server's `changeStreamOptions` or the end of its log of operations removes them.
    ///
    /// # Errors
    /// The server cannot be asked, is too old, does not permit it to this user, or has a view or a time series of this name.
    pub async fn keep_images(&self, namespace: &Namespace) -> Result<ImagesKept, StoreError> {
        let kept = within(PATIENCE, self.try_keep_images(namespace)).await;
        kept.map_err(|failure: Failure| failure.during("cannot make the server keep what documents were"))
    }

    async fn try_keep_images(&self, namespace: &Namespace) -> Result<ImagesKept, ::mongodb::error::Error> {
        let database = self.database(namespace.database());
        let enabled = doc! { "enabled": true };
        let list = doc! { "listCollections": 1, "filter": { "name": namespace.collection() } };
        let found = database.run_command(list).await?;
        match keeps(&found) {
            Some(true) => return Ok(ImagesKept::Already),
            Some(false) => {}
            None => {
                let create = doc! { "create": namespace.collection(), "changeStreamPreAndPostImages": enabled.clone() };
                match database.run_command(create).await {
                    Ok(_) => return Ok(ImagesKept::Created),
                    // Somebody else was faster.
                    Err(error) if Failure::from(error.clone()).code() == Some(NAMESPACE_EXISTS) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let change = doc! { "collMod": namespace.collection(), "changeStreamPreAndPostImages": enabled };
        database.run_command(change).await?;
        Ok(ImagesKept::Enabled)
    }
}

/// Whether a collection keeps them, by the answer of `listCollections`; `None` if there is no collection.
fn keeps(found: &Document) -> Option<bool> {
    let collections = found.get_document("cursor").ok()?.get_array("firstBatch").ok()?;
    let collection = collections.first()?.as_document()?;
    let options = collection.get_document("options").ok();
    let images = options.and_then(|options| options.get_document("changeStreamPreAndPostImages").ok());
    Some(images.is_some_and(|images| matches!(images.get_bool("enabled"), Ok(true))))
}
