use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use portcullis::auth::CustomDataSource;
use portcullis::login::CustomDataChanges;

/// The collections of custom data that are watched: applications that share one, and an application that is loaded again, are told
/// by the same watcher.
#[derive(Default)]
pub(crate) struct WatchedCustomData(Mutex<HashMap<String, Weak<CustomDataChanges>>>);

impl WatchedCustomData {
    /// What changes in a collection. If nobody wants to know yet, `begin` has it watched.
    pub(crate) fn changes(
        &self,
        source: &CustomDataSource,
        begin: impl FnOnce(&Arc<CustomDataChanges>),
    ) -> Arc<CustomDataChanges> {
        // No name of a database or a collection has a null character.
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
