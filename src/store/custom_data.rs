use thiserror::Error;

use super::StoreError;
use crate::auth::{CustomDataError, Selection};
use crate::future::BoxFuture;

/// The most documents that may name one user.
pub const MAX_DOCUMENTS: usize = 1000;

/// The most bytes that the documents naming one user may have together: 32 MiB, two documents of MongoDB's maximum
/// size.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The documents behind `%%user.custom_data`.
///
/// An application whose custom data is disabled has no such store.
pub trait CustomDataStore: Send + Sync {
    /// The user's document as selected by [`CustomDataConfig::select`](crate::auth::CustomDataConfig::select), if there
    /// is one.
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>>;
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
