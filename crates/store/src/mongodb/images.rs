use bson::{Document, doc};

use super::deadline::{PATIENCE, within};
use super::documents::MongoDocuments;
use super::failure::Failure;
use portcullis::store::StoreError;
use portcullis::store::documents::Namespace;

/// What [`MongoDocuments::keep_images`] did to make the server keep the previous versions of a collection's
/// documents. Without them, updates and deletions can be reported only to users from whom nothing is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagesKept {
    /// Nothing: the server already keeps them.
    Already,
    /// They were enabled.
    Enabled,
    /// The collection did not exist and was created with them enabled.
    Created,
}

/// MongoDB's error code for a collection that already exists.
const NAMESPACE_EXISTS: i32 = 48;

impl MongoDocuments {
    /// Makes the server keep the versions of documents before and after each change (`changeStreamPreAndPostImages`;
    /// requires MongoDB 6.0 or later). The server stores them until `changeStreamOptions` or the end of the oplog
    /// removes them.
    ///
    /// # Errors
    /// The server cannot be reached, is too old or does not permit this to the user, or there is a view or a time
    /// series of this name.
    pub async fn keep_images(&self, namespace: &Namespace) -> Result<ImagesKept, StoreError> {
        let kept = within(PATIENCE, self.try_keep_images(namespace)).await;
        kept.map_err(|failure: Failure| failure.during("cannot enable pre-images"))
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
                    // Another process has created it in the meantime.
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

/// Whether a collection has pre- and post-images enabled, according to the reply of `listCollections`; `None` if the
/// collection does not exist.
fn keeps(found: &Document) -> Option<bool> {
    let collections = found.get_document("cursor").ok()?.get_array("firstBatch").ok()?;
    let collection = collections.first()?.as_document()?;
    let options = collection.get_document("options").ok();
    let images = options.and_then(|options| options.get_document("changeStreamPreAndPostImages").ok());
    Some(images.is_some_and(|images| matches!(images.get_bool("enabled"), Ok(true))))
}
