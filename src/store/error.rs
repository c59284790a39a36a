use std::error::Error;

use thiserror::Error;

/// A store that cannot be asked: its server is gone, its file broken, its answer nonsense. It is never an answer: who
/// asks for a user, a session or custom data and gets this, knows nothing.
#[derive(Debug, Error)]
#[error("{action}: {source}")]
pub struct StoreError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// An error of a store. `action` says what could not be done (`cannot read the user`); `source` must name no secret.
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { action, source: source.into() }
    }
}
