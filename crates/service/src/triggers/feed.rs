use std::sync::Arc;

use bson::Document;
use portcullis::store::documents::{ChangeEvents, ChangeFeed, DocumentsError, FeedRequest};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::pipeline::INVALIDATE;

/// How many events are read ahead. Each may have many megabytes.
const AHEAD: usize = 4;

/// What a stream of changes says.
pub(super) enum Fed {
    /// A change, and where to go on after it.
    Event(Document, Option<Document>),
    /// Nothing that is wanted happened until this place.
    Quiet(Option<Document>),
    /// The stream has ended, after this place.
    Invalidated(Option<Document>),
    /// It cannot go on.
    Failed(DocumentsError),
}

/// A stream of changes that a task of its own reads, so that whoever handles them may abandon the waiting for the next one.
pub(super) struct Feed {
    items: mpsc::Receiver<Fed>,
    task: JoinHandle<()>,
}

impl Feed {
    pub(super) fn open(changes: Arc<dyn ChangeFeed>, request: FeedRequest) -> Self {
        let (sender, items) = mpsc::channel(AHEAD);
        let task = tokio::spawn(async move {
            let failed = match changes.feed(&request).await {
                Ok(mut events) => match read(&mut *events, &sender).await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let _ = sender.send(Fed::Failed(failed)).await;
        });
        Self { items, task }
    }

    /// The next item; `None` after the last. It may be abandoned.
    pub(super) async fn next(&mut self) -> Option<Fed> {
        self.items.recv().await
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands on what a stream says until it ends, or nobody listens.
async fn read(events: &mut dyn ChangeEvents, items: &mpsc::Sender<Fed>) -> Result<(), DocumentsError> {
    // From where it was opened nothing is missed, once that is noted.
    let mut item = Fed::Quiet(events.position());
    loop {
        let is_last = matches!(item, Fed::Invalidated(_));
        if items.send(item).await.is_err() || is_last {
            return Ok(());
        }
        item = match events.next().await? {
            None => Fed::Quiet(events.position()),
            Some(event) if event.get_str("operationType").is_ok_and(|name| name == INVALIDATE) => {
                Fed::Invalidated(events.position())
            }
            Some(event) => Fed::Event(event, events.position()),
        };
    }
}

/// The codes of errors of MongoDB that pass: a server that goes, comes or is overtaxed.
const PASSING: [i32; 24] = [
    6, 7, 24, 43, 50, 63, 64, 89, 91, 112, 133, 134, 150, 189, 202, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435,
    13436,
];

/// Whether the same may succeed a little later.
pub(super) fn is_passing(error: &DocumentsError) -> bool {
    match error {
        DocumentsError::Store(_) | DocumentsError::Conflict(_) => true,
        DocumentsError::Refused { code, .. } => code.is_some_and(|code| PASSING.contains(&code)),
        _ => false,
    }
}
