use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use portcullis::auth::CustomDataSource;
use portcullis::login::CustomDataChanges;

/// The watched collections of custom data. Applications that use the same collection share a watcher, as do an
/// application and its reloaded version.
#[derive(Default)]
pub(crate) struct WatchedCustomData(Mutex<HashMap<String, Weak<CustomDataChanges>>>);

impl WatchedCustomData {
    /// The changes in a collection. `begin` starts to watch it if it is not watched yet.
    pub(crate) fn changes(
        &self,
        source: &CustomDataSource,
        begin: impl FnOnce(&Arc<CustomDataChanges>),
    ) -> Arc<CustomDataChanges> {
        // NUL cannot occur in the names of databases and collections.
        let name = format!("{}\0{}\0{}", source.database, source.collection, source.user_id_field);
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changes) = watched.get(&name).and_then(Weak::upgrade) {
            return changes;
        }
        let changes = Arc::<CustomDataChanges>::default();
        begin(&changes);
        watched.retain(|_, changes| changes.strong_count() > 0);
        watched.insert(name, Arc::downgrade(&changes));
        changes
    }
}
