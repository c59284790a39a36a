use std::collections::BTreeSet;

use portcullis::store::{Sessions, StoreError};

/// Whose custom data is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomDataChange {
    /// Documents of these users were written or deleted; of one that changed its user, both.
    Users(BTreeSet<String>),
    /// What happened cannot be told one by one: the server no longer has the history, or the collection was dropped, renamed
    /// or replaced. Any document may have changed.
    Everything {
        /// All users who had or have a document.
        known: BTreeSet<String>,
        /// Those of them who have other documents than before.
        differing: BTreeSet<String>,
    },
}

impl CustomDataChange {
    /// Everyone whose custom data may have changed.
    #[must_use]
    pub const fn users(&self) -> &BTreeSet<String> {
        match self {
            Self::Users(users) | Self::Everything { known: users, .. } => users,
        }
    }

    /// Ends the sessions of everyone whose custom data may have changed; how many there were. After an error some may not
    /// have ended: do it again.
    ///
    /// # Errors
    /// If the sessions cannot be ended.
    pub async fn end_sessions(&self, sessions: &dyn Sessions) -> Result<u64, StoreError> {
        let mut ended = 0_u64;
        for user in self.users() {
            ended = ended.saturating_add(sessions.end_all(user).await?);
        }
        Ok(ended)
    }
}
