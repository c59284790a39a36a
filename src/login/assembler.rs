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
    custom_data: Place,
}

/// Where custom data is looked up.
enum Place {
    /// Nobody has said yet.
    Unsaid,
    /// The application has none.
    Nowhere,
    Store(Arc<dyn CustomDataStore>),
}

impl UserAssembler {
    /// One that has not been told yet where custom data is, so that nobody's is looked up: rules that ask for it end in an
    /// Error, and no token can be issued.
    #[must_use]
    pub const fn new(accounts: Accounts) -> Self {
        Self { accounts, custom_data: Place::Unsaid }
    }

    /// Says that the application has no custom data: each user then has none.
    #[must_use]
    pub fn without_custom_data(mut self) -> Self {
        self.custom_data = Place::Nowhere;
        self
    }

    /// Looks up custom data here.
    #[must_use]
    pub fn with_custom_data(mut self, store: Arc<dyn CustomDataStore>) -> Self {
        self.custom_data = Place::Store(store);
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
        let (custom_data, warnings) = match &self.custom_data {
            Place::Unsaid => (CustomData::NotLoaded, Vec::new()),
            Place::Nowhere => (CustomData::Absent, Vec::new()),
            Place::Store(store) => {
                let Selection { document, warnings } = store.find(&account.id).await?;
                (document.map_or(CustomData::Absent, CustomData::Loaded), warnings)
            }
        };
        Ok((account.to_user(custom_data), warnings))
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
