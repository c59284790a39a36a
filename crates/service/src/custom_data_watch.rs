use std::sync::Weak;
use std::time::Duration;

use mongodb::Client;
use portcullis::auth::CustomDataSource;
use portcullis::login::CustomDataChanges;
use portcullis::store::{CustomDataObserver, StoreError};
use portcullis_store::mongodb::{CustomDataChange, CustomDataWatcher};

/// How long nothing that is heard of the server is taken for nothing that changes. It speaks about every second.
const TRUST: Duration = Duration::from_secs(5);

/// How long a watcher waits after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells what changes in a collection for as long as somebody wants to know. While it cannot be watched, that is told too.
pub(crate) async fn watch(client: Client, source: CustomDataSource, changes: Weak<CustomDataChanges>) {
    let mut watching = Watching { client, source, watcher: None, is_up_to_date: false };
    let mut is_logged = false;
    loop {
        let watched = watching.step(&changes).await;
        let Some(changes) = changes.upgrade() else { return };
        let Err(error) = watched else { continue };
        watching.is_up_to_date = false;
        changes.unwatched();
        drop(changes);
        if !is_logged {
            is_logged = true;
            tracing::warn!(%error, "custom data cannot be watched; meanwhile they are looked up for each request");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Watching {
    client: Client,
    source: CustomDataSource,
    /// Resumes at the same position after a failure.
    watcher: Option<CustomDataWatcher>,
    /// Whether everything that had changed was told at some time since the last failure.
    is_up_to_date: bool,
}

impl Watching {
    /// Waits about a second for a change.
    async fn step(&mut self, changes: &Weak<CustomDataChanges>) -> Result<(), StoreError> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => {
                let watcher = none.insert(CustomDataWatcher::open(&self.client, &self.source).await?);
                if let Some(changes) = changes.upgrade() {
                    // What was read earlier may have changed earlier.
                    changes.changed_all();
                }
                watcher
            }
        };
        let change = watcher.next_if_any().await?;
        let Some(changes) = changes.upgrade() else { return Ok(()) };
        match change {
            None => self.is_up_to_date = true,
            Some(CustomDataChange::Users(users)) => changes.changed(&users),
            Some(CustomDataChange::Everything { .. }) => changes.changed_all(),
        }
        watcher.settle();
        if self.is_up_to_date {
            changes.watched_for(TRUST);
        }
        Ok(())
    }
}
