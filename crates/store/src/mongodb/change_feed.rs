use std::time::Duration;

use ::mongodb::change_stream::ChangeStream;
use ::mongodb::change_stream::event::ResumeToken;
use ::mongodb::options::{
    ChangeStreamOptions, FullDocumentBeforeChangeType, FullDocumentType, ReadConcern, ReadPreference, SelectionCriteria,
};
use bson::{Document, RawDocumentBuf, doc};

use super::custom_data::simple_collation;
use super::deadline::{PATIENCE, patiently, within};
use super::documents::{MongoDocuments, failed};
use super::failure::Failure;
use portcullis::BoxFuture;
use portcullis::store::documents::{ChangeEvents, ChangeFeed, DocumentsError, FeedRequest, FeedScope};
use portcullis::value::DocumentRef;

/// How long the server waits for an event before it returns an empty batch.
const AWAIT: Duration = Duration::from_secs(1);

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
            let database = store.streams().database(namespace.database());
            let collection = database.collection::<RawDocumentBuf>(namespace.collection());
            let watch = collection.watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
        FeedScope::Database(name) => {
            let database = store.streams().database(name);
            let watch = database.watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
        FeedScope::Deployment => {
            let watch = store.streams().watch().pipeline(pipeline).with_options(options);
            patiently(async { watch.await }).await?.with_type()
        }
    })
}

fn options(request: &FeedRequest) -> Result<ChangeStreamOptions, Failure> {
    let mut options = ChangeStreamOptions::builder()
        .max_await_time(AWAIT)
        .collation(simple_collation())
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    options.full_document = request.full_document.then_some(FullDocumentType::UpdateLookup);
    options.full_document_before_change =
        request.full_document_before_change.then_some(FullDocumentBeforeChangeType::WhenAvailable);
    // Servers before 6.0 do not support the option, so it is set only if it is needed.
    options.show_expanded_events = request.expanded.then_some(true);
    if let Some(after) = &request.after {
        let token: ResumeToken = bson::deserialize_from_document(after.clone())
            .map_err(|_| Failure::invalid("this is not a position in a change stream"))?;
        // Unlike `resumeAfter`, this also accepts the position of an `invalidate` event.
        options.start_after = Some(token);
    }
    Ok(options)
}

/// Converts a failure of a stream, which either resumed from a position or began now.
fn failed_at(is_resumed: bool) -> impl Fn(Failure) -> DocumentsError {
    move |failure| match is_resumed && failure.is_position_lost() {
        true => DocumentsError::HistoryLost,
        false => failed(failure),
    }
}

struct MongoChangeEvents {
    stream: ChangeStream<RawDocumentBuf>,
}

impl ChangeEvents for MongoChangeEvents {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Document>, DocumentsError>> {
        Box::pin(async {
            // The driver reconnects by itself; if it gives up, the position may have been lost in the meantime.
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
