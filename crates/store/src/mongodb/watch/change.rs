use std::collections::BTreeSet;

use portcullis::store::{Sessions, StoreError};

/// A change to users' custom data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomDataChange {
    /// Documents of these users were written or deleted. If a document was transferred from one user to another, both
    /// are included.
    Users(BTreeSet<String>),
    /// The individual changes are unknown because the server no longer has the history, or the collection was
    /// dropped, renamed or replaced. Any document may have changed.
    Everything {
        /// All users who had a document before or have one now.
        known: BTreeSet<String>,
        /// Those of them whose set of documents is different from before.
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

    /// Ends the sessions of everyone whose custom data may have changed, and returns their number. After an error,
    /// some sessions may remain: call it again.
    ///
    /// # Errors
    /// The sessions cannot be ended.
    pub async fn end_sessions(&self, sessions: &dyn Sessions) -> Result<u64, StoreError> {
        let mut ended = 0_u64;
        for user in self.users() {
            ended = ended.saturating_add(sessions.end_all(user).await?);
        }
        Ok(ended)
    }
}
