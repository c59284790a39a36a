use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use super::{Accounts, Authenticated, DataAge, DataSource, LoginError};
use crate::auth::{Selection, Warning};
use crate::store::{Account, AccountState, CustomDataStore};
use crate::user::{CustomData, User};

/// Makes user objects from accounts and custom data as they are stored, without a token.
pub struct UserAssembler {
    pub(super) accounts: Accounts,
    custom_data: Option<Arc<dyn CustomDataStore>>,
}

impl UserAssembler {
    /// One without custom data, of which each user then has none.
    #[must_use]
    pub const fn new(accounts: Accounts) -> Self {
        Self { accounts, custom_data: None }
    }

    /// Looks up custom data here.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.custom_data = Some(store);
        self
    }

    /// A user as they are now.
    ///
    /// # Errors
    /// There is no such user, they may not log in at the time `now`, or a store cannot be asked: see [`LoginError`].
    pub async fn look_up(&self, user_id: &str, now: DateTime) -> Result<Authenticated, LoginError> {
        let account = self.account(user_id, now).await?;
        let (user, warnings) = self.assemble(&account).await?;
        let age = DataAge { source: DataSource::Store, age: Duration::ZERO };
        Ok(Authenticated { user, age, warnings })
    }

    /// The user object of an account, with custom data looked up now.
    pub(super) async fn assemble(&self, account: &Account) -> Result<(User, Vec<Warning>), LoginError> {
        let Selection { document, warnings } = match &self.custom_data {
            None => Selection::default(),
            Some(store) => store.find(&account.id).await?,
        };
        Ok((account.to_user(document.map_or(CustomData::Absent, CustomData::Loaded)), warnings))
    }

    /// A user who may log in, or stay so.
    pub(super) async fn account(&self, id: &str, now: DateTime) -> Result<Account, LoginError> {
        let account = self.accounts.users.find(id).await?.ok_or_else(|| LoginError::UserUnknown(id.to_owned()))?;
        match account.state {
            // No token was ever made for one who is pending.
            AccountState::Pending => Err(LoginError::UserUnknown(account.id)),
            AccountState::Disabled | AccountState::DisabledPending => Err(LoginError::UserDisabled(account.id)),
            AccountState::Active if account.has_expired(now) => Err(LoginError::UserExpired(account.id)),
            AccountState::Active => Ok(account),
        }
    }
}
