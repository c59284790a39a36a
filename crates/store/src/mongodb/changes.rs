use std::time::Duration;

use ::mongodb::action;
use ::mongodb::change_stream::ChangeStream;
use ::mongodb::change_stream::event::ResumeToken;
use ::mongodb::options::{
    FullDocumentBeforeChangeType, FullDocumentType, ReadConcern, ReadPreference, SelectionCriteria,
};
use bson::{Bson, Document, RawDocument, RawDocumentBuf, Timestamp, doc};

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, patiently, within};
use super::documents::{MongoDocuments, failed};
use super::failure::Failure;
use portcullis::BoxFuture;
use portcullis::store::documents::{
    ChangeOperation, DocumentsError, Event, Events, Namespace, StoredChange, UpdateDescription, Watch, WatchScope,
    WatchStart,
};
use portcullis::value::{DocumentRef, ValueRef};

/// How long the server waits for an event before it returns an empty batch.
const AWAIT: Duration = Duration::from_secs(1);

/// The fields that events are projected to.
const PROJECTED_FIELDS: [&str; 8] = [
    "operationType",
    "clusterTime",
    "ns",
    "documentKey",
    "fullDocument",
    "fullDocumentBeforeChange",
    "updateDescription.updatedFields",
    "updateDescription.removedFields",
];

/// Change streams of a replica set. The server knows a document before a change and right after an update only if the
/// collection has `changeStreamPreAndPostImages` enabled.
impl Watch for MongoDocuments {
    fn watch<'s: 'a, 'a>(
        &'s self,
        scope: &'a WatchScope,
        from: WatchStart,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>> {
        Box::pin(async move {
            match (scope, &from) {
                (WatchScope::Collection(namespace), WatchStart::Now) => self.shared.watch(self, namespace).await,
                _ => Ok(Box::new(self.open(scope, from).await?) as Box<dyn Events>),
            }
        })
    }
}

impl MongoDocuments {
    /// Opens a change stream that is not shared.
    pub(super) async fn open(&self, scope: &WatchScope, from: WatchStart) -> Result<MongoEvents, DocumentsError> {
        let stream = match scope {
            WatchScope::Collection(namespace) => {
                let database = self.streams().database(namespace.database());
                open(database.collection::<Document>(namespace.collection()).watch(), from).await
            }
            WatchScope::Database(name) => open(self.streams().database(name).watch(), from).await,
            WatchScope::Everything => open(self.streams().watch(), from).await,
        };
        let ends_with_any = matches!(scope, WatchScope::Collection(_));
        Ok(MongoEvents { stream: stream.map_err(refused)?, ends_with_any })
    }
}

async fn open(watch: action::Watch<'_>, from: WatchStart) -> Result<ChangeStream<RawDocumentBuf>, Failure> {
    let wanted = doc! { "$project": PROJECTED_FIELDS.iter().map(|name| ((*name).to_owned(), Bson::Int32(1))).collect::<Document>() };
    let mut watch = watch
        .pipeline([wanted])
        .max_await_time(AWAIT)
        .collation(simple_collation())
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .full_document(FullDocumentType::WhenAvailable)
        .full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable);
    if let WatchStart::After(position) = from {
        let token: ResumeToken = bson::deserialize_from_document(position)
            .map_err(|_| Failure::invalid("this is not a position in a change stream"))?;
        watch = watch.start_after(token);
    }
    Ok(patiently(async { watch.await }).await?.with_type())
}

fn refused(failure: Failure) -> DocumentsError {
    if failure.is_position_lost() { DocumentsError::HistoryLost } else { failed(failure) }
}

pub(super) struct MongoEvents {
    stream: ChangeStream<RawDocumentBuf>,
    /// Whether any event that is not a change of a document, such as a rename, ends the stream.
    ends_with_any: bool,
}

impl Events for MongoEvents {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>> {
        Box::pin(async {
            loop {
                if !self.stream.is_alive() {
                    return Ok(Some(Event::Ended));
                }
                let event = within(PATIENCE, self.stream.next_if_any()).await.map_err(refused)?;
                let Some(event) = event else { return Ok(None) };
                if let Some(change) = read(&event)? {
                    return Ok(Some(Event::Change(Box::new(change))));
                }
                let operation = DocumentRef::Raw(&event).get("operationType")?;
                if self.ends_with_any || matches!(operation, Some(ValueRef::String("invalidate"))) {
                    return Ok(Some(Event::Ended));
                }
            }
        })
    }

    fn position(&self) -> Option<Document> {
        self.stream.resume_token().and_then(|token| bson::serialize_to_document(&token).ok())
    }
}

/// The document change that an event describes; `None` for any other event.
fn read(event: &RawDocument) -> Result<Option<StoredChange>, DocumentsError> {
    let event = DocumentRef::Raw(event);
    let part = |of: DocumentRef<'_>, name: &str| {
        Ok::<_, DocumentsError>(match of.get(name)? {
            Some(ValueRef::Document(document)) => Some(document.to_document()?),
            _ => None,
        })
    };
    let image = |name: &str| {
        Ok::<_, DocumentsError>(match event.get(name)? {
            Some(ValueRef::Document(DocumentRef::Raw(document))) => Some(document.to_owned()),
            _ => None,
        })
    };
    let Some(ValueRef::String(operation)) = event.get("operationType")? else { return Ok(None) };
    let Some(operation) = ChangeOperation::from_name(operation) else { return Ok(None) };
    let (Some(position), Some(place), Some(key)) =
        (part(event, "_id")?, part(event, "ns")?, part(event, "documentKey")?)
    else {
        return Ok(None);
    };
    let name = |part: &str| place.get_str(part).unwrap_or_default();
    let Some(namespace) = Namespace::parse(&format!("{}.{}", name("db"), name("coll"))) else { return Ok(None) };
    let (before, after) = (image("fullDocumentBeforeChange")?, image("fullDocument")?);
    if operation == ChangeOperation::Insert && after.is_none() {
        return Ok(None);
    }
    let description = match event.get("updateDescription")? {
        Some(ValueRef::Document(told)) => Some(UpdateDescription {
            updated: part(told, "updatedFields")?.unwrap_or_default(),
            removed: removed(told)?,
        }),
        _ => None,
    };
    let time = match event.get("clusterTime")? {
        Some(ValueRef::Timestamp { time, increment }) => Timestamp { time, increment },
        _ => Timestamp { time: 0, increment: 0 },
    };
    let id = key.get("_id").cloned().unwrap_or(Bson::Null);
    Ok(Some(StoredChange { namespace, operation, id, time, position, before, after, description }))
}

fn removed(told: DocumentRef<'_>) -> Result<Vec<String>, DocumentsError> {
    let mut paths = Vec::new();
    if let Some(ValueRef::Array(removed)) = told.get("removedFields")? {
        for path in removed.iter() {
            if let ValueRef::String(path) = path? {
                paths.push(path.to_owned());
            }
        }
    }
    Ok(paths)
}
