use std::error::Error;

use thiserror::Error;

/// A store failed: its server is unreachable, its file corrupt, its reply invalid. This never means "not found": a
/// caller that looks up a user, a session or custom data and gets this knows nothing about it.
#[derive(Debug, Error)]
#[error("{action}: {source}")]
pub struct StoreError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// An error of a store. `action` says what failed (`cannot read the user`); `source` must not contain a secret.
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { action, source: source.into() }
    }
}
