use std::sync::Arc;

use bson::Document;
use portcullis::store::documents::{ChangeEvents, ChangeFeed, DocumentsError, FeedRequest};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::pipeline::INVALIDATE;

/// How many events are buffered. Each may have many megabytes.
const READ_AHEAD: usize = 4;

/// An item of a stream of changes.
pub(super) enum Fed {
    /// A change, and the position after it.
    Event(Document, Option<Document>),
    /// No matching change occurred up to this position.
    Quiet(Option<Document>),
    /// The stream has ended, after this position.
    Invalidated(Option<Document>),
    /// The stream cannot continue.
    Failed(DocumentsError),
}

/// A stream of changes that is read by its own task, which makes waiting for the next item cancel-safe.
pub(super) struct Feed {
    items: mpsc::Receiver<Fed>,
    task: JoinHandle<()>,
}

impl Feed {
    pub(super) fn open(changes: Arc<dyn ChangeFeed>, request: FeedRequest) -> Self {
        let (sender, items) = mpsc::channel(READ_AHEAD);
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

    /// The next item; `None` after the last. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Fed> {
        self.items.recv().await
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Forwards the items of a stream until it ends or the receiver is dropped.
async fn read(events: &mut dyn ChangeEvents, items: &mpsc::Sender<Fed>) -> Result<(), DocumentsError> {
    // Once this initial position is stored, no later change can be missed.
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

/// Codes of transient MongoDB errors: a server that shuts down, starts or is overloaded.
const TRANSIENT_CODES: [i32; 24] = [
    6, 7, 24, 43, 50, 63, 64, 89, 91, 112, 133, 134, 150, 189, 202, 234, 262, 9001, 10107, 11600, 11602, 13388, 13435,
    13436,
];

/// Whether the same operation may succeed later.
pub(super) fn is_passing(error: &DocumentsError) -> bool {
    match error {
        DocumentsError::Store(_) | DocumentsError::Conflict(_) => true,
        DocumentsError::Refused { code, .. } => code.is_some_and(|code| TRANSIENT_CODES.contains(&code)),
        _ => false,
    }
}
