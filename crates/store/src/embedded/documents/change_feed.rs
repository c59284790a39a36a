use bson::{Bson, Document, RawDocumentBuf, doc};

use super::store::EmbeddedDocuments;
use portcullis::BoxFuture;
use portcullis::store::documents::{
    ChangeEvents, ChangeFeed, ChangeOperation, DocumentStore, DocumentsError, Event, Events, FeedRequest, FeedScope,
    StoredChange, UpdateDescription, Watch, WatchScope, WatchStart,
};
use portcullis::value::{DocumentRef, Malformed};

/// MongoDB's change events, produced from the change log. The log contains the new version of each document, so no
/// lookup is needed.
impl ChangeFeed for EmbeddedDocuments {
    fn feed<'s: 'a, 'a>(
        &'s self,
        request: &'a FeedRequest,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeEvents + 's>, DocumentsError>> {
        Box::pin(async move {
            let scope = match &request.scope {
                FeedScope::Collection(namespace) => WatchScope::Collection(namespace.clone()),
                FeedScope::Database(name) => WatchScope::Database(name.clone()),
                FeedScope::Deployment => WatchScope::Everything,
            };
            let from = request.after.clone().map_or(WatchStart::Now, WatchStart::After);
            // Refuse an unsupported pipeline before the stream begins.
            self.aggregate_documents("", Vec::new(), &request.pipeline).await?;
            let events = self.watch(&scope, from).await?;
            Ok(Box::new(EmbeddedChangeEvents { store: self, events, request: request.clone() })
                as Box<dyn ChangeEvents>)
        })
    }
}

struct EmbeddedChangeEvents<'s> {
    store: &'s EmbeddedDocuments,
    events: Box<dyn Events + 's>,
    request: FeedRequest,
}

impl ChangeEvents for EmbeddedChangeEvents<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>> {
        Box::pin(async move {
            let change = match self.events.next().await? {
                None => return Ok(None),
                Some(Event::Ended) => return Ok(Some(doc! { "operationType": "invalidate" })),
                Some(Event::Change(change)) => change,
            };
            let event = event(&change, &self.request)?;
            let event = RawDocumentBuf::try_from(&event).map_err(Malformed::from)?;
            let wanted = self.store.aggregate_documents("", vec![event], &self.request.pipeline);
            let wanted = wanted.await?.batch().await?;
            // An event that the pipeline filters out is returned as `None`, so that the caller can record the position.
            Ok(wanted.first().map(|event| DocumentRef::Raw(event).to_document()).transpose()?)
        })
    }

    fn position(&self) -> Option<Document> {
        self.events.position()
    }
}

/// Encodes a position as the string that MongoDB's events have in their `_id`.
fn token(position: &Document) -> Result<String, DocumentsError> {
    let bytes = RawDocumentBuf::try_from(position).map_err(Malformed::from)?;
    Ok(bytes.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect())
}

/// Converts a change to MongoDB's change event.
fn event(change: &StoredChange, request: &FeedRequest) -> Result<Document, DocumentsError> {
    let image = |document: &Option<RawDocumentBuf>| match document {
        Some(document) => Ok::<_, Malformed>(Bson::Document(DocumentRef::Raw(document).to_document()?)),
        None => Ok(Bson::Null),
    };
    let mut event = doc! {
        "_id": { "_data": token(&change.position)? },
        "operationType": change.operation.name(),
        "clusterTime": change.time,
    };
    if let Ok(time) = change.position.get_datetime("time") {
        event.insert("wallTime", *time);
    }
    let is_told = match change.operation {
        ChangeOperation::Insert | ChangeOperation::Replace => true,
        ChangeOperation::Update => request.full_document,
        ChangeOperation::Delete => false,
    };
    if is_told {
        event.insert("fullDocument", image(&change.after)?);
    }
    if request.full_document_before_change && change.operation != ChangeOperation::Insert {
        event.insert("fullDocumentBeforeChange", image(&change.before)?);
    }
    let (db, coll) = (change.namespace.database(), change.namespace.collection());
    event.insert("ns", doc! { "db": db, "coll": coll });
    event.insert("documentKey", doc! { "_id": change.id.clone() });
    if change.operation == ChangeOperation::Update {
        let description = match (&change.description, &change.before, &change.after) {
            (Some(description), ..) => description.clone(),
            (None, Some(before), Some(after)) => {
                UpdateDescription::between(DocumentRef::Raw(before), DocumentRef::Raw(after))?
            }
            _ => UpdateDescription::default(),
        };
        let UpdateDescription { updated, removed } = description;
        let truncated: Vec<Bson> = Vec::new();
        let description = doc! { "updatedFields": updated, "removedFields": removed, "truncatedArrays": truncated };
        event.insert("updateDescription", description);
    }
    Ok(event)
}
