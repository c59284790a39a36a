use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;

use super::custom_data_place::CustomDataPlace;
use super::{Accounts, Announcer, Authenticated, DataAge, DataSource, LoginError};
use crate::auth::{Selection, Warning};
use crate::store::{Account, AccountState, CustomDataStore};
use crate::user::{CustomData, User};

/// Assembles user objects from stored users and custom data, without a token.
pub struct UserAssembler {
    pub(super) accounts: Accounts,
    custom_data: CustomDataPlace,
}

impl UserAssembler {
    /// Creates an assembler without a source of custom data. Custom data then counts as not loaded, so rules that refer
    /// to it evaluate to an Error, and tokens cannot be issued.
    #[must_use]
    pub const fn new(accounts: Accounts) -> Self {
        Self { accounts, custom_data: CustomDataPlace::Unsaid }
    }

    /// Declares that the application does not use custom data.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.accounts.announcer = self.accounts.announcer.map(Announcer::without_custom_data);
        self.custom_data = CustomDataPlace::Nowhere;
        self
    }

    /// Sets the store in which custom data is looked up.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.accounts.announcer = self.accounts.announcer.map(|told| told.with_custom_data(Arc::clone(&store)));
        self.custom_data = CustomDataPlace::Store(store);
        self
    }

    /// The current state of a user.
    ///
    /// # Errors
    /// If there is no such user, if the user may not log in at `now`, or if a store fails; see [`LoginError`].
    pub async fn look_up(&self, user_id: &str, now: DateTime) -> Result<Authenticated, LoginError> {
        let account = self.account(user_id, now).await?;
        let (user, warnings) = self.assemble(&account).await?;
        let age = DataAge { source: DataSource::Store, age: Duration::ZERO };
        Ok(Authenticated { user, age, warnings })
    }

    /// The user object for a stored user, with current custom data.
    pub(super) async fn assemble(&self, account: &Account) -> Result<(User, Vec<Warning>), LoginError> {
        let (custom_data, warnings) = match &self.custom_data {
            CustomDataPlace::Unsaid => (CustomData::NotLoaded, Vec::new()),
            CustomDataPlace::Nowhere => (CustomData::Absent, Vec::new()),
            CustomDataPlace::Store(store) => {
                let Selection { document, warnings } = store.find(&account.id).await?;
                (document.map_or(CustomData::Absent, CustomData::Loaded), warnings)
            }
        };
        Ok((account.to_user(custom_data), warnings))
    }

    /// The stored user, provided that the user may log in or stay logged in.
    pub(super) async fn account(&self, id: &str, now: DateTime) -> Result<Account, LoginError> {
        admissible(self.accounts.users.find(id).await?, id, now)
    }
}

/// The account, if its user may log in or stay logged in.
pub(super) fn admissible(account: Option<Account>, id: &str, now: DateTime) -> Result<Account, LoginError> {
    let account = account.ok_or_else(|| LoginError::UserUnknown(id.to_owned()))?;
    match account.state {
        // No token was ever issued to a pending user.
        AccountState::Pending => Err(LoginError::UserUnknown(account.id)),
        AccountState::Disabled | AccountState::DisabledPending => Err(LoginError::UserDisabled(account.id)),
        AccountState::Active if account.has_expired(now) => Err(LoginError::UserExpired(account.id)),
        AccountState::Active => Ok(account),
    }
}
