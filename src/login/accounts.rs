use std::sync::Arc;

use bson::DateTime;

use super::LoginError;
use crate::auth::ProviderType;
use crate::store::{Account, Identity, Sessions, Users};

/// How many users are read at once where all are.
const PAGE: usize = 1000;

/// Users and their sessions, for administration.
#[derive(Clone)]
pub struct Accounts {
    pub(super) users: Arc<dyn Users>,
    pub(super) sessions: Arc<dyn Sessions>,
}

impl Accounts {
    /// The accounts in these stores.
    #[must_use]
    pub const fn new(users: Arc<dyn Users>, sessions: Arc<dyn Sessions>) -> Self {
        Self { users, sessions }
    }

    /// Ends every session of a user, so that no token of theirs is good any more; how many there were.
    ///
    /// # Errors
    /// The sessions cannot be asked.
    pub async fn revoke_sessions(&self, user_id: &str) -> Result<u64, LoginError> {
        Ok(self.sessions.end_all(user_id).await?)
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

    async fn stored(&self, user_id: &str) -> Result<Account, LoginError> {
        self.users.find(user_id).await?.ok_or_else(|| LoginError::UserUnknown(user_id.to_owned()))
    }

    /// Deletes a user and ends the sessions; whether there was such a user. The custom-data document stays.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn delete(&self, user_id: &str) -> Result<bool, LoginError> {
        let deleted = self.users.delete(user_id).await?;
        self.revoke_sessions(user_id).await?;
        Ok(deleted)
    }

    /// Deletes the anonymous users whose 90 days are over, and forgets sessions that have expired; how many users.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn delete_expired(&self, now: DateTime) -> Result<u64, LoginError> {
        let mut deleted = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.users.list(after.as_deref(), PAGE).await?;
            for account in page.iter().filter(|account| account.has_expired(now)) {
                deleted += u64::from(self.delete(&account.id).await?);
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
