use std::sync::{PoisonError, RwLock};

use bson::Document;

use super::{CustomDataStore, LookUpError};
use crate::auth::{CustomDataConfig, Selection};
use crate::future::BoxFuture;

/// Custom-data documents in memory, for tests and for hosts that already have them.
#[derive(Debug)]
pub struct MemoryCustomData {
    config: CustomDataConfig,
    documents: RwLock<Vec<Document>>,
}

impl MemoryCustomData {
    /// Creates a store with these documents, in natural order.
    #[must_use]
    pub const fn new(config: CustomDataConfig, documents: Vec<Document>) -> Self {
        Self { config, documents: RwLock::new(documents) }
    }

    /// Replaces all documents.
    pub fn replace(&self, documents: Vec<Document>) {
        *self.documents.write().unwrap_or_else(PoisonError::into_inner) = documents;
    }
}

impl CustomDataStore for MemoryCustomData {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let documents = self.documents.read().unwrap_or_else(PoisonError::into_inner);
            Ok(self.config.select(user_id, &documents)?)
        })
    }
}
