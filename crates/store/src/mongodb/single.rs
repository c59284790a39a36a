use ::mongodb::options::{
    Acknowledgment, DeleteOptions, FindOneAndDeleteOptions, FindOneAndReplaceOptions, FindOneAndUpdateOptions,
    InsertOneOptions, ReplaceOptions, ReturnDocument, UpdateModifications, UpdateOptions, WriteConcern,
};
use ::mongodb::results::UpdateResult;
use ::mongodb::{Client, Collection};
use bson::{Document, RawDocumentBuf};

use super::custom_data::simple_collation;
use super::deadline::{SERVER_TIME, patiently};
use super::documents::failed;
use super::failure::Failure;
use super::transaction::ACKNOWLEDGEMENT;
use portcullis::store::documents::{Change, DocumentsError, Find, Namespace, Returned, SingleWrite, SingleWritten};

/// Performs a write of one document by a single command, which MongoDB executes atomically.
pub(super) async fn write_single(
    client: &Client,
    namespace: &Namespace,
    write: &SingleWrite,
) -> Result<SingleWritten, DocumentsError> {
    let collection = client.database(namespace.database()).collection(namespace.collection());
    let written = match write {
        SingleWrite::Insert(document) => insert(&collection, document).await,
        SingleWrite::Change { find, change, returns: Returned::Nothing } if find.sort.is_empty() => {
            self::change(&collection, find, change).await
        }
        // Before MongoDB 8, only `findAndModify` supports `sort`.
        SingleWrite::Change { find, change, returns: Returned::Nothing } => {
            change_and_find(&collection, find, change, Returned::Before).await.map(without_document)
        }
        SingleWrite::Change { find, change, returns } => change_and_find(&collection, find, change, *returns).await,
        SingleWrite::Delete { find, returns: Returned::Nothing } if find.sort.is_empty() => {
            delete(&collection, find).await
        }
        SingleWrite::Delete { find, returns: Returned::Nothing } => {
            delete_and_find(&collection, find).await.map(without_document)
        }
        SingleWrite::Delete { find, .. } => delete_and_find(&collection, find).await,
    };
    written.map_err(|failure| match failure.is_write_unknown() {
        true => DocumentsError::OutcomeUnknown(failure.to_string()),
        false => failed(failure),
    })
}

fn concern() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(ACKNOWLEDGEMENT).build()
}

fn sort(find: &Find) -> Option<Document> {
    (!find.sort.is_empty()).then(|| find.sort.clone())
}

async fn insert(collection: &Collection<RawDocumentBuf>, document: &Document) -> Result<SingleWritten, Failure> {
    let options = InsertOneOptions::builder().write_concern(concern()).build();
    let collection = collection.clone_with_type::<Document>();
    patiently(async { collection.insert_one(document).with_options(options).await }).await?;
    Ok(SingleWritten::default())
}

async fn change(
    collection: &Collection<RawDocumentBuf>,
    find: &Find,
    change: &Change,
) -> Result<SingleWritten, Failure> {
    let done = |result: UpdateResult| SingleWritten {
        found: result.matched_count > 0,
        modified: Some(result.modified_count > 0),
        document: None,
    };
    let filter = find.filter.clone();
    let (modifications, array_filters) = match modifications(change) {
        Ok(modifications) => modifications,
        Err(replacement) => {
            let options = ReplaceOptions::builder().collation(simple_collation()).write_concern(concern()).build();
            let collection = collection.clone_with_type::<Document>();
            return patiently(async { collection.replace_one(filter, replacement).with_options(options).await })
                .await
                .map(done);
        }
    };
    let mut options = UpdateOptions::builder().collation(simple_collation()).write_concern(concern()).build();
    options.array_filters = array_filters;
    patiently(async { collection.update_one(filter, modifications).with_options(options).await }).await.map(done)
}

/// An update with its array filters or, for a replacement, the new document.
type Modifications = (UpdateModifications, Option<Vec<Document>>);

fn modifications(change: &Change) -> Result<Modifications, Document> {
    match change {
        Change::Operators { update, array_filters } => {
            let filters = (!array_filters.is_empty()).then(|| array_filters.clone());
            Ok((UpdateModifications::Document(update.clone()), filters))
        }
        Change::Pipeline(stages) => Ok((UpdateModifications::Pipeline(stages.clone()), None)),
        Change::Replacement(document) => Err(document.clone()),
    }
}

fn without_document(mut written: SingleWritten) -> SingleWritten {
    written.document = None;
    written
}

fn brought(document: Option<RawDocumentBuf>) -> SingleWritten {
    SingleWritten { found: document.is_some(), modified: None, document }
}

async fn change_and_find(
    collection: &Collection<RawDocumentBuf>,
    find: &Find,
    change: &Change,
    returns: Returned,
) -> Result<SingleWritten, Failure> {
    let which = if returns == Returned::After { ReturnDocument::After } else { ReturnDocument::Before };
    let filter = find.filter.clone();
    let (modifications, array_filters) = match modifications(change) {
        Ok(modifications) => modifications,
        Err(replacement) => {
            let mut options = FindOneAndReplaceOptions::builder()
                .collation(simple_collation())
                .write_concern(concern())
                .max_time(SERVER_TIME)
                .return_document(which)
                .build();
            options.sort = sort(find);
            let replacement =
                RawDocumentBuf::try_from(&replacement).map_err(|error| Failure::invalid(error.to_string()))?;
            let replace = collection.find_one_and_replace(filter, replacement).with_options(options);
            return patiently(async { replace.await }).await.map(brought);
        }
    };
    let mut options = FindOneAndUpdateOptions::builder()
        .collation(simple_collation())
        .write_concern(concern())
        .max_time(SERVER_TIME)
        .return_document(which)
        .build();
    (options.array_filters, options.sort) = (array_filters, sort(find));
    let update = collection.find_one_and_update(filter, modifications).with_options(options);
    patiently(async { update.await }).await.map(brought)
}

async fn delete(collection: &Collection<RawDocumentBuf>, find: &Find) -> Result<SingleWritten, Failure> {
    let options = DeleteOptions::builder().collation(simple_collation()).write_concern(concern()).build();
    let delete = collection.delete_one(find.filter.clone()).with_options(options);
    let result = patiently(async { delete.await }).await?;
    Ok(SingleWritten { found: result.deleted_count > 0, ..SingleWritten::default() })
}

async fn delete_and_find(collection: &Collection<RawDocumentBuf>, find: &Find) -> Result<SingleWritten, Failure> {
    let mut options = FindOneAndDeleteOptions::builder()
        .collation(simple_collation())
        .write_concern(concern())
        .max_time(SERVER_TIME)
        .build();
    options.sort = sort(find);
    let delete = collection.find_one_and_delete(find.filter.clone()).with_options(options);
    patiently(async { delete.await }).await.map(brought)
}
