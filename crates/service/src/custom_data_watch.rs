use std::sync::Weak;
use std::time::Duration;

use mongodb::Client;
use portcullis::auth::CustomDataSource;
use portcullis::login::CustomDataChanges;
use portcullis::store::{CustomDataObserver, StoreError};
use portcullis_store::mongodb::{CustomDataChange, CustomDataWatcher};

/// How long custom data are considered unchanged after the last response of the server, which responds about every
/// second.
const TRUST: Duration = Duration::from_secs(5);

/// The delay before a retry after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Reports changes in a collection of custom data until `changes` is dropped. While the collection cannot be watched,
/// it is marked as unwatched.
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
            tracing::warn!(%error, "custom data cannot be watched; meanwhile it is looked up for each request");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Watching {
    client: Client,
    source: CustomDataSource,
    /// Kept after a failure, so that it resumes at the same position.
    watcher: Option<CustomDataWatcher>,
    /// Whether, at some point since the last failure, all earlier changes had been reported.
    is_up_to_date: bool,
}

impl Watching {
    /// Reports one change, or returns after about a second without one.
    async fn step(&mut self, changes: &Weak<CustomDataChanges>) -> Result<(), StoreError> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => {
                let watcher = none.insert(CustomDataWatcher::open(&self.client, &self.source).await?);
                if let Some(changes) = changes.upgrade() {
                    // Data that were read before the watcher was opened may have changed since.
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
