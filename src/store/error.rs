use std::error::Error;

use thiserror::Error;

/// A store failed: its server is unreachable, its file is corrupt, or its reply is invalid. This never means "not
/// found": whether a user, session or custom data exists is then unknown.
#[derive(Debug, Error)]
#[error("{action}: {source}")]
pub struct StoreError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Creates an error. `action` says what failed, such as `cannot read the user`. `source` must not contain secrets.
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { action, source: source.into() }
    }
}
