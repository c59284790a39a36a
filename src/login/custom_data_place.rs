use std::sync::Arc;

use crate::store::CustomDataStore;

/// Where the custom data of users is looked up.
#[derive(Clone)]
pub(super) enum CustomDataPlace {
    /// Not configured yet.
    Unsaid,
    /// The application has none.
    Nowhere,
    Store(Arc<dyn CustomDataStore>),
}
