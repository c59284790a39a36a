use thiserror::Error;

use super::StoreError;
use crate::auth::{CustomDataError, Selection};
use crate::future::BoxFuture;

/// How many documents may name one user.
pub const MAX_DOCUMENTS: usize = 1000;

/// How large the documents that name one user may be together, in bytes: two of the largest of MongoDB, 32 MiB.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Where the documents behind `%%user.custom_data` are.
///
/// An application whose custom data is disabled has no such store at all.
pub trait CustomDataStore: Send + Sync {
    /// The user's document as [`CustomDataConfig::select`](crate::auth::CustomDataConfig::select) picks it, none if no
    /// document is the user's.
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>>;
}

/// Why a user's custom data could not be determined. This is never treated as having none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LookUpError {
    /// The store cannot be asked.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The document cannot be used.
    #[error("{0}")]
    Document(#[from] CustomDataError),
}
