use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use portcullis::BoxFuture;
use portcullis::auth::{CustomDataConfig, Selection};
use portcullis::store::documents::{DocumentStore, Find, Namespace};
use portcullis::store::{CustomDataStore, LookUpError, MAX_DOCUMENTS, StoreError};
use portcullis::value::DocumentRef;

/// Custom data in a collection of a document store, such as the embedded one.
pub struct StoredCustomData {
    documents: Arc<dyn DocumentStore>,
    config: CustomDataConfig,
    namespace: Namespace,
    field: String,
}

impl StoredCustomData {
    /// The collection that a configuration names; `None` if custom data is disabled or the collection's name is
    /// invalid.
    #[must_use]
    pub fn new(documents: Arc<dyn DocumentStore>, config: CustomDataConfig) -> Option<Self> {
        let source = config.source()?;
        let namespace = Namespace::parse(&format!("{}.{}", source.database, source.collection))?;
        let field = source.user_id_field.to_string();
        Some(Self { documents, config, namespace, field })
    }

    async fn found(&self, user_id: &str) -> Result<Vec<Document>, StoreError> {
        let failed = |error: &dyn std::error::Error| StoreError::new("cannot look up custom data", error.to_string());
        let mut ids = vec![Bson::from(user_id)];
        ids.extend(ObjectId::parse_str(user_id).ok().map(Bson::ObjectId));
        let limit = u64::try_from(MAX_DOCUMENTS).unwrap_or(u64::MAX).saturating_add(1);
        let find = Find { limit: Some(limit), ..Find::by(doc! { self.field.as_str(): { "$in": ids } }) };
        let mut cursor = self.documents.find(&self.namespace, &find).await.map_err(|error| failed(&error))?;
        let mut found = Vec::new();
        loop {
            let batch = cursor.batch().await.map_err(|error| failed(&error))?;
            if batch.is_empty() {
                break;
            }
            for raw in &batch {
                found.push(DocumentRef::Raw(raw).to_document().map_err(|error| failed(&error))?);
            }
        }
        if found.len() > MAX_DOCUMENTS {
            let message = format!("more than {MAX_DOCUMENTS} documents name one user");
            return Err(StoreError::new("cannot look up custom data", message));
        }
        Ok(found)
    }
}

impl CustomDataStore for StoredCustomData {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move {
            let documents = self.found(user_id).await?;
            Ok(self.config.select(user_id, &documents)?)
        })
    }
}
