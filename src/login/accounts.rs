use std::sync::Arc;

use bson::DateTime;

use super::{Announcer, LoginError};
use crate::auth::ProviderType;
use crate::store::{Account, Identity, ImportOutcome, Removed, Sessions, Users};

/// How many users are read at once where all are.
const PAGE: usize = 1000;

/// Users and their sessions, for administration.
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

    /// Tells triggers what happens to users.
    #[must_use]
    pub fn with_announcer(mut self, announcer: Announcer) -> Self {
        self.announcer = Some(announcer);
        self
    }

    /// Ends every session of a user, so that no token of theirs is good any more; how many there were.
    ///
    /// # Errors
    /// The sessions cannot be asked.
    pub async fn revoke_sessions(&self, user_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_all(user_id).await?)
    }

    /// Ends the sessions of a user that an API key opened; how many there were.
    ///
    /// # Errors
    /// The sessions cannot be asked.
    pub async fn revoke_key(&self, user_id: &str, key_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_of_key(user_id, key_id).await?)
    }

    /// Gives an identity to an imported user whom nobody has claimed yet; `None` where the user is none of these.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn take_over(
        &self,
        user_id: &str,
        identity: &Identity,
        now: DateTime,
    ) -> Result<Option<Account>, LoginError> {
        Ok(self.users.take_over(user_id, identity, now).await?)
    }

    /// Notes that a user is claimed by one of their identities, so that no other takes them over.
    ///
    /// # Errors
    /// There is no such user, the identity is another's, or the store cannot be asked.
    pub async fn claim(&self, user_id: &str, identity: &Identity) -> Result<(), LoginError> {
        Ok(self.users.link(user_id, identity).await.map(drop)?)
    }

    /// Removes an identity from its user, with whom no session is left if it was the only one.
    ///
    /// # Errors
    /// The store cannot be asked.
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

    /// The users, at most `limit` whose ids follow `after`, in the order of their ids.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Account>, LoginError> {
        Ok(self.users.list(after, limit).await?)
    }

    /// Adds users with the ids that they have; never changes one that is there. One outcome each, in the same order.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn import(&self, accounts: &[Account]) -> Result<Vec<ImportOutcome>, LoginError> {
        Ok(self.users.import(accounts).await?)
    }

    /// Keeps a user from logging in and ends the sessions; how many there were.
    ///
    /// # Errors
    /// There is no such user, or the store cannot be asked; then sessions may go on.
    pub async fn disable(&self, user_id: &str) -> Result<u64, LoginError> {
        let account = self.stored(user_id).await?;
        self.users.set_state(user_id, account.state.disabled()).await?;
        self.revoke_sessions(user_id).await
    }

    /// Lets a disabled user log in again.
    ///
    /// # Errors
    /// There is no such user, or the store cannot be asked.
    pub async fn enable(&self, user_id: &str) -> Result<(), LoginError> {
        let account = self.stored(user_id).await?;
        Ok(self.users.set_state(user_id, account.state.enabled()).await?)
    }

    /// The identities of a user, in the order in which they were linked.
    ///
    /// # Errors
    /// There is no such user, or the store cannot be asked.
    pub async fn identities(&self, user_id: &str) -> Result<Vec<Identity>, LoginError> {
        Ok(self.stored(user_id).await?.identities)
    }

    /// The user that an identity leads to, if there is one.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn user_of(&self, provider_type: ProviderType, id: &str) -> Result<Option<String>, LoginError> {
        Ok(self.users.owner(provider_type, id).await?)
    }

    /// A user as stored.
    ///
    /// # Errors
    /// There is no such user, or the store cannot be asked.
    pub async fn stored(&self, user_id: &str) -> Result<Account, LoginError> {
        self.users.find(user_id).await?.ok_or_else(|| LoginError::UserUnknown(user_id.to_owned()))
    }

    /// Deletes a user and ends the sessions; returns the identities that the user had at that moment, `None` if there was no such
    /// user. The custom-data document stays, and so do passwords and keys: they are the caller's.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn delete(&self, user_id: &str) -> Result<Option<Vec<Identity>>, LoginError> {
        let deleted = match &self.announcer {
            Some(announcer) => announcer.delete(user_id).await?,
            None => self.users.delete(user_id).await?,
        };
        self.revoke_sessions(user_id).await?;
        Ok(deleted)
    }

    /// Deletes the anonymous users who were last here 90 days ago, and forgets sessions that have expired; how many users.
    ///
    /// # Errors
    /// The store cannot be asked.
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
