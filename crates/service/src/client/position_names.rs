use bson::Document;
use portcullis::auth::token::SigningKeys;

use super::ClientError;

/// What clients are given for positions in a stream of changes: the same for the same change, in every process that has the same
/// keys, and telling nothing of how many changes there are or of which documents.
#[derive(Debug)]
pub struct PositionNames {
    keys: SigningKeys,
    application: String,
}

impl PositionNames {
    /// The names that an application's clients are given.
    #[must_use]
    pub fn new(keys: SigningKeys, application: impl Into<String>) -> Self {
        Self { keys, application: application.into() }
    }

    /// The name of a position.
    pub(super) fn name(&self, position: &Document) -> Result<String, ClientError> {
        let mut message = self.application.as_bytes().to_vec();
        message.push(0);
        message.extend(position.to_vec().map_err(ClientError::internal)?);
        let tag = self.keys.tag("position of a change", &message).map_err(ClientError::internal)?;
        Ok(tag.iter().map(|byte| format!("{byte:02X}")).collect())
    }
}
