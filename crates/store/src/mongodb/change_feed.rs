use std::time::Duration;

use ::mongodb::change_stream::ChangeStream;
use ::mongodb::change_stream::event::ResumeToken;
use ::mongodb::options::{ChangeStreamOptions, FullDocumentBeforeChangeType, FullDocumentType, ReadConcern};
use bson::{Document, RawDocumentBuf, doc};

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, patiently, within};
use super::documents::{MongoDocuments, failed};
use super::failure::Failure;
use portcullis::BoxFuture;
use portcullis::store::documents::{ChangeEvents, ChangeFeed, DocumentsError, FeedRequest, FeedScope};
use portcullis::value::DocumentRef;

/// How long the server waits for something to happen before it says that nothing did.
const AWAIT: Duration = Duration::from_secs(1);

/// The error codes of a position from which a stream cannot go on: its history is gone, or it makes no sense there.
const LOST: [i32; 12] = [15, 136, 222, 260, 280, 286, 10334, 40576, 40585, 40647, 40649, 50811];

/// Change streams of a replica set.
impl ChangeFeed for MongoDocuments {
    fn feed<'s: 'a, 'a>(
        &'s self,
        request: &'a FeedRequest,
    ) -> BoxFuture<'a, Result<Box<dyn ChangeEvents + 's>, DocumentsError>> {
        Box::pin(async move {
            let stream = open(self, request).await.map_err(failed_at(request.after.is_some()))?;
            Ok(Box::new(MongoChangeEvents { stream }) as Box<dyn ChangeEvents>)
        })
    }
}

async fn open(store: &MongoDocuments, request: &FeedRequest) -> Result<ChangeStream<RawDocumentBuf>, Failure> {
    let options = options(request)?;
    let pipeline = request.pipeline.clone();
    Ok(match &request.scope {
        FeedScope::Collection(namespace) => {
            let collection = store.collection(namespace);
            let watch = collection.watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
        FeedScope::Database(name) => {
            let database = store.database(name);
            let watch = database.watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
        FeedScope::Deployment => {
            let watch = store.client().watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
    })
}

fn options(request: &FeedRequest) -> Result<ChangeStreamOptions, Failure> {
    let mut options = ChangeStreamOptions::builder()
        .max_await_time(AWAIT)
        .collation(simple_collation())
        .read_concern(ReadConcern::majority())
        .build();
    options.full_document = request.full_document.then_some(FullDocumentType::UpdateLookup);
    options.full_document_before_change =
        request.full_document_before_change.then_some(FullDocumentBeforeChangeType::WhenAvailable);
    // Servers before 6.0 do not know the option, so that it is named only where it is needed.
    options.show_expanded_events = request.expanded.then_some(true);
    if let Some(after) = &request.after {
        let token: ResumeToken = bson::deserialize_from_document(after.clone())
            .map_err(|_| Failure::new("this is not a position in a change stream"))?;
        // Unlike `resumeAfter` this also takes the position of a stream's end.
        options.start_after = Some(token);
    }
    Ok(options)
}

/// What a failure says, of a stream that goes on after a position or of one that began now.
fn failed_at(is_resumed: bool) -> impl Fn(Failure) -> DocumentsError {
    move |failure| match failure.code() {
        Some(code) if is_resumed && LOST.contains(&code) => DocumentsError::HistoryLost,
        _ => failed(failure),
    }
}

struct MongoChangeEvents {
    stream: ChangeStream<RawDocumentBuf>,
}

impl ChangeEvents for MongoChangeEvents {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>> {
        Box::pin(async {
            // The driver itself goes on where a connection broke off; what it gives up on may be a position that was lost since.
            let event = within(PATIENCE, self.stream.next_if_any()).await.map_err(failed_at(true))?;
            match event {
                Some(event) => Ok(Some(DocumentRef::Raw(&event).to_document()?)),
                None if !self.stream.is_alive() => Ok(Some(doc! { "operationType": "invalidate" })),
                None => Ok(None),
            }
        })
    }

    fn position(&self) -> Option<Document> {
        self.stream.resume_token().and_then(|token| bson::serialize_to_document(&token).ok())
    }
}
