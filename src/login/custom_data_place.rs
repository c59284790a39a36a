use std::sync::Arc;

use crate::store::CustomDataStore;

/// Where custom data is looked up.
#[derive(Clone)]
pub(super) enum CustomDataPlace {
    /// Not configured.
    Unsaid,
    /// Nowhere, because the application does not use custom data.
    Nowhere,
    Store(Arc<dyn CustomDataStore>),
}
