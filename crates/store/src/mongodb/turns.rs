//! Queues for writers whose transactions conflict. If all of them retried at once, only one would succeed each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use portcullis::store::documents::{Namespace, Turn};

/// How long a writer waits for its turn. After that it retries anyway, since the holder may be waiting for a server.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// A queue for each collection in which transactions conflict.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Namespace, Arc<AsyncMutex<()>>>>>);

impl Turns {
    /// Waits for a turn in a collection, first come, first served.
    pub(super) async fn take(&self, namespace: &Namespace) -> Turn {
        let queue = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Holders and waiters have references to their queue, so a queue without other references is unused.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(queues.entry(namespace.clone()).or_default())
        };
        match timeout(TURN_TIMEOUT, queue.lock_owned()).await {
            Ok(turn) => Box::new(turn),
            Err(_) => Box::new(()),
        }
    }
}
