use bson::Document;
use portcullis::auth::token::SigningKeys;

use super::ClientError;

/// Opaque names for positions in a change stream. A change has the same name in every process with the same keys; the
/// name reveals neither the number of changes nor the documents that they concern.
#[derive(Debug)]
pub struct PositionNames {
    keys: SigningKeys,
    application: String,
}

impl PositionNames {
    /// The names for an application's clients.
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
