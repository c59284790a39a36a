use std::sync::Arc;

use bson::DateTime;

use super::{Announcer, LoginError};
use crate::auth::ProviderType;
use crate::store::{Account, Identity, ImportOutcome, Removed, Sessions, Users};

/// The page size when all users are read.
const PAGE: usize = 1000;

/// Administration of users and their sessions.
#[derive(Clone)]
pub struct Accounts {
    pub(super) users: Arc<dyn Users>,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) announcer: Option<Announcer>,
}

impl Accounts {
    /// The accounts in these stores.
    #[must_use]
    pub const fn new(users: Arc<dyn Users>, sessions: Arc<dyn Sessions>) -> Self {
        Self { users, sessions, announcer: None }
    }

    /// Announces what happens to users to triggers.
    #[must_use]
    pub fn with_announcer(mut self, announcer: Announcer) -> Self {
        self.announcer = Some(announcer);
        self
    }

    /// Ends every session of a user, which invalidates all their tokens. Returns the number of sessions.
    ///
    /// # Errors
    /// The session store failed.
    pub async fn revoke_sessions(&self, user_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_all(user_id).await?)
    }

    /// Ends the sessions that a user opened with an API key. Returns their number.
    ///
    /// # Errors
    /// The session store failed.
    pub async fn revoke_key(&self, user_id: &str, key_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_of_key(user_id, key_id).await?)
    }

    /// Links an identity to an imported user whom nobody has claimed yet. `None` if there is no such user.
    ///
    /// # Errors
    /// The store failed.
    pub async fn take_over(
        &self,
        user_id: &str,
        identity: &Identity,
        now: DateTime,
    ) -> Result<Option<Account>, LoginError> {
        Ok(self.users.take_over(user_id, identity, now).await?)
    }

    /// Marks a user as claimed by one of their identities, so that no other identity can take them over.
    ///
    /// # Errors
    /// There is no such user, the identity belongs to another, or the store failed.
    pub async fn claim(&self, user_id: &str, identity: &Identity) -> Result<(), LoginError> {
        Ok(self.users.link(user_id, identity).await.map(drop)?)
    }

    /// Removes an identity from its user. If it was the only one, the user's sessions end.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remove_identity(&self, provider_type: ProviderType, id: &str) -> Result<Option<Removed>, LoginError> {
        let removed = match &self.announcer {
            Some(announcer) => {
                let owner = self.users.owner(provider_type, id).await?;
                announcer.remove_identity(provider_type, id, owner.as_deref()).await?
            }
            None => self.users.remove_identity(provider_type, id).await?,
        };
        if let Some(Removed::WithUser(user_id)) = &removed {
            self.revoke_sessions(user_id).await?;
        }
        Ok(removed)
    }

    /// At most `limit` users whose ids follow `after`, in the order of their ids.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, LoginError> {
        Ok(self.users.list(after, limit).await?)
    }

    /// Adds users under their own ids; never changes an existing user. Returns one outcome for each, in the same order.
    ///
    /// # Errors
    /// The store failed.
    pub async fn import(&self, accounts: &[Account]) -> Result<Vec<ImportOutcome>, LoginError> {
        Ok(self.users.import(accounts).await?)
    }

    /// Disables a user and ends their sessions. Returns the number of sessions.
    ///
    /// # Errors
    /// There is no such user, or the store failed; sessions may then continue.
    pub async fn disable(&self, user_id: &str) -> Result<u64, LoginError> {
        let account = self.stored(user_id).await?;
        self.users.set_state(user_id, account.state.disabled()).await?;
        self.revoke_sessions(user_id).await
    }

    /// Lets a disabled user log in again.
    ///
    /// # Errors
    /// There is no such user, or the store failed.
    pub async fn enable(&self, user_id: &str) -> Result<(), LoginError> {
        let account = self.stored(user_id).await?;
        Ok(self.users.set_state(user_id, account.state.enabled()).await?)
    }

    /// The identities of a user, in the order in which they were linked.
    ///
    /// # Errors
    /// There is no such user, or the store failed.
    pub async fn identities(&self, user_id: &str) -> Result<Vec<Identity>, LoginError> {
        Ok(self.stored(user_id).await?.identities)
    }

    /// The user to whom an identity belongs, if there is one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn user_of(&self, provider_type: ProviderType, id: &str) -> Result<Option<String>, LoginError> {
        Ok(self.users.owner(provider_type, id).await?)
    }

    /// A user as stored.
    ///
    /// # Errors
    /// There is no such user, or the store failed.
    pub async fn stored(&self, user_id: &str) -> Result<Account, LoginError> {
        self.users.find(user_id).await?.ok_or_else(|| LoginError::UserUnknown(user_id.to_owned()))
    }

    /// Deletes a user and ends the sessions; returns the identities that the user had at that moment, `None` if there was no such
    /// user. The custom-data document stays, and so do passwords and keys: they are the caller's.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete(&self, user_id: &str) -> Result<Option<Vec<Identity>>, LoginError> {
        let deleted = match &self.announcer {
            Some(announcer) => announcer.delete(user_id).await?,
            None => self.users.delete(user_id).await?,
        };
        self.revoke_sessions(user_id).await?;
        Ok(deleted)
    }

    /// Deletes the anonymous users last seen 90 days ago or earlier, and removes expired sessions. Returns the number
    /// of users.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete_expired(&self, now: DateTime) -> Result<u64, LoginError> {
        let mut deleted = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.users.list(after.as_deref(), PAGE).await?;
            for account in page.iter().filter(|account| account.has_expired(now)) {
                deleted += u64::from(self.delete(&account.id).await?.is_some());
            }
            match page.last() {
                Some(Account { id, .. }) => after = Some(id.clone()),
                None => break,
            }
        }
        self.sessions.purge(now).await?;
        Ok(deleted)
    }
}
