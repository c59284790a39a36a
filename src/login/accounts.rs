use std::sync::Arc;

use bson::DateTime;

use super::{Announcer, LoginError};
use crate::auth::ProviderType;
use crate::store::{Account, Identity, ImportOutcome, Removed, Sessions, Users};

/// The page size for reading all users.
const PAGE: usize = 1000;

/// Administration of users and their sessions.
#[derive(Clone)]
pub struct Accounts {
    pub(super) users: Arc<dyn Users>,
    pub(super) sessions: Arc<dyn Sessions>,
    pub(super) announcer: Option<Announcer>,
}

impl Accounts {
    /// Creates the administration of the users and sessions in these stores.
    #[must_use]
    pub const fn new(users: Arc<dyn Users>, sessions: Arc<dyn Sessions>) -> Self {
        Self { users, sessions, announcer: None }
    }

    /// Sets the announcer, which tells authentication triggers what happens to users.
    #[must_use]
    pub fn with_announcer(mut self, announcer: Announcer) -> Self {
        self.announcer = Some(announcer);
        self
    }

    /// Ends all sessions of a user, which invalidates the user's tokens. Returns how many there were.
    ///
    /// # Errors
    /// If the session store fails.
    pub async fn revoke_sessions(&self, user_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_all(user_id).await?)
    }

    /// Ends the sessions that a user started with an API key. Returns how many there were.
    ///
    /// # Errors
    /// If the session store fails.
    pub async fn revoke_key(&self, user_id: &str, key_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_of_key(user_id, key_id).await?)
    }

    /// Links an identity to an imported user who is unclaimed. `None` if there is no such user.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn take_over(
        &self,
        user_id: &str,
        identity: &Identity,
        now: DateTime,
    ) -> Result<Option<Account>, LoginError> {
        Ok(self.users.take_over(user_id, identity, now).await?)
    }

    /// Marks a user as claimed by one of the user's identities, so that no other identity can take the user over.
    ///
    /// # Errors
    /// If there is no such user, the identity belongs to another user, or the store fails.
    pub async fn claim(&self, user_id: &str, identity: &Identity) -> Result<(), LoginError> {
        Ok(self.users.link(user_id, identity).await.map(drop)?)
    }

    /// Removes an identity. If it is the user's only one, the user is deleted and the sessions end.
    ///
    /// # Errors
    /// If a store fails.
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

    /// At most `limit` users whose ids are greater than `after`, in the order of the ids.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, LoginError> {
        Ok(self.users.list(after, limit).await?)
    }

    /// Adds users with the ids that they have. Existing users are not changed. Returns the outcome of each, in the same
    /// order.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn import(&self, accounts: &[Account]) -> Result<Vec<ImportOutcome>, LoginError> {
        Ok(self.users.import(accounts).await?)
    }

    /// Disables a user and ends all sessions of that user. Returns how many there were.
    ///
    /// # Errors
    /// If there is no such user, or a store fails, in which case sessions may not have ended.
    pub async fn disable(&self, user_id: &str) -> Result<u64, LoginError> {
        let account = self.stored(user_id).await?;
        self.users.set_state(user_id, account.state.disabled()).await?;
        self.revoke_sessions(user_id).await
    }

    /// Enables a disabled user.
    ///
    /// # Errors
    /// If there is no such user, or the store fails.
    pub async fn enable(&self, user_id: &str) -> Result<(), LoginError> {
        let account = self.stored(user_id).await?;
        Ok(self.users.set_state(user_id, account.state.enabled()).await?)
    }

    /// The identities of a user, in the order of linking.
    ///
    /// # Errors
    /// If there is no such user, or the store fails.
    pub async fn identities(&self, user_id: &str) -> Result<Vec<Identity>, LoginError> {
        Ok(self.stored(user_id).await?.identities)
    }

    /// The id of the user to whom an identity belongs; `None` if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn user_of(&self, provider_type: ProviderType, id: &str) -> Result<Option<String>, LoginError> {
        Ok(self.users.owner(provider_type, id).await?)
    }

    /// The user with this id, as stored.
    ///
    /// # Errors
    /// If there is no such user, or the store fails.
    pub async fn stored(&self, user_id: &str) -> Result<Account, LoginError> {
        self.users.find(user_id).await?.ok_or_else(|| LoginError::UserUnknown(user_id.to_owned()))
    }

    /// Deletes a user and ends all sessions of that user. Returns the identities that belonged to the user at that
    /// time; `None` if there was no such user. The custom-data document, passwords and keys remain; removing them is up
    /// to the caller.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn delete(&self, user_id: &str) -> Result<Option<Vec<Identity>>, LoginError> {
        let deleted = match &self.announcer {
            Some(announcer) => announcer.delete(user_id).await?,
            None => self.users.delete(user_id).await?,
        };
        self.revoke_sessions(user_id).await?;
        Ok(deleted)
    }

    /// Deletes anonymous users who were last seen at least 90 days ago, and expired sessions. Returns the number of
    /// users.
    ///
    /// # Errors
    /// If a store fails.
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
