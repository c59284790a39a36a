use std::time::Duration;

use ::mongodb::Collection;
use ::mongodb::change_stream::ChangeStream;
use ::mongodb::change_stream::event::ResumeToken;
use ::mongodb::options::{FullDocumentBeforeChangeType, FullDocumentType};
use bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, patiently, within};
use super::documents::{MongoDocuments, failed};
use super::failure::Failure;
use portcullis::future::BoxFuture;
use portcullis::store::documents::{DocumentsError, Event, Events, Namespace, Watch};
use portcullis::value::{DocumentRef, Malformed, ValueRef};

/// How long the server waits for something to happen before it says that nothing did.
const AWAIT: Duration = Duration::from_secs(1);

/// A change stream of a replica set. What a document was, and what an update made of it, the server knows only where
/// the collection has `changeStreamPreAndPostImages` enabled.
impl Watch for MongoDocuments {
    fn watch<'s: 'a, 'a>(
        &'s self,
        namespace: &'a Namespace,
        after: Option<Document>,
    ) -> BoxFuture<'a, Result<Box<dyn Events + 's>, DocumentsError>> {
        Box::pin(async move {
            let stream = open(&self.collection(namespace), after).await.map_err(failed)?;
            Ok(Box::new(MongoEvents { stream }) as Box<dyn Events>)
        })
    }
}

async fn open(
    collection: &Collection<RawDocumentBuf>,
    after: Option<Document>,
) -> Result<ChangeStream<RawDocumentBuf>, Failure> {
    let wanted = doc! { "$project": { "operationType": 1, "fullDocument": 1, "fullDocumentBeforeChange": 1 } };
    let mut watch = collection
        .watch()
        .pipeline([wanted])
        .max_await_time(AWAIT)
        .collation(simple_collation())
        .full_document(FullDocumentType::WhenAvailable)
        .full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable);
    if let Some(after) = after {
        let token: ResumeToken = bson::deserialize_from_document(after)
            .map_err(|_| Failure::new("this is not a position in a change stream"))?;
        watch = watch.start_after(token);
    }
    Ok(patiently(async { watch.await }).await?.with_type())
}

struct MongoEvents {
    stream: ChangeStream<RawDocumentBuf>,
}

impl Events for MongoEvents {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, DocumentsError>> {
        Box::pin(async {
            if !self.stream.is_alive() {
                return Ok(Some(Event::Ended));
            }
            let event = within(PATIENCE, self.stream.next_if_any()).await.map_err(failed)?;
            event.map(|event| read(&event)).transpose().map_err(|error| failed(error.into()))
        })
    }

    fn position(&self) -> Option<Document> {
        self.stream.resume_token().and_then(|token| bson::serialize_to_document(&token).ok())
    }
}

fn read(event: &RawDocument) -> Result<Event, Malformed> {
    let event = DocumentRef::Raw(event);
    let image = |name: &str| {
        Ok::<_, Malformed>(match event.get(name)? {
            Some(ValueRef::Document(DocumentRef::Raw(document))) => Some(document.to_owned()),
            _ => None,
        })
    };
    let (before, after) = (image("fullDocumentBeforeChange")?, image("fullDocument")?);
    Ok(match (event.get("operationType")?, after) {
        (Some(ValueRef::String("insert")), Some(after)) => Event::Inserted { after },
        (Some(ValueRef::String("update" | "replace")), after) => Event::Changed { before, after },
        (Some(ValueRef::String("delete")), _) => Event::Deleted { before },
        // What is not known may have changed anything.
        _ => Event::Ended,
    })
}
