use std::collections::BTreeSet;

use thiserror::Error;

use super::StoreError;
use crate::auth::{CustomDataError, Selection};
use crate::future::BoxFuture;

/// The maximum number of documents with the same user id.
pub const MAX_DOCUMENTS: usize = 1000;

/// The maximum total size in bytes of the documents with the same user id: 32 MiB, which is two documents of MongoDB's
/// maximum size.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Access to the documents of `%%user.custom_data`.
///
/// Applications with custom data disabled have no such store.
pub trait CustomDataStore: Send + Sync {
    /// The document of a user, as selected by [`CustomDataConfig::select`](crate::auth::CustomDataConfig::select).
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>>;
}

/// Is notified of the users whose custom data change, but not of the data themselves.
pub trait CustomDataObserver: Send + Sync {
    /// Documents of these users were written or deleted. For a document that was moved from one user to another, both
    /// are included.
    fn changed(&self, users: &BTreeSet<String>);

    /// Any document may have changed.
    fn changed_all(&self);
}

/// Why a user's custom data could not be determined. This is never treated as having none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LookUpError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The document cannot be used.
    #[error("{0}")]
    Document(#[from] CustomDataError),
}
